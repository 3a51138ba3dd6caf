// Does the engine give back what models took?
// Must not know: how models are unloaded.

import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { testModelPath } from '../../test/fixtures/gguf/testModels';
import { BenchSkipped, type BenchRow } from '../benchRow';
import { modelId, openEndpoint } from '../endpointBench';

export const row: BenchRow = {
  id: 'leak',
  title: "The engine's resident memory after 50 loads and unloads, an answer each ÷ after 2, 16 MB model",
  unit: 'MB',
  goal: { text: '≤ 1.05', isMet: (ratio) => ratio <= 1.05 },
  async measure() {
    if (process.platform !== 'linux') {
      throw new BenchSkipped('resident memory of another process is read from /proc, which only Linux has');
    }
    const { api, ask, dispose } = await openEndpoint(await testModelPath('small'));
    try {
      const { pid } = await api.inference.getEngineState();
      const resident = async (): Promise<number> => {
        await delay(1000);
        const status = await readFile(`/proc/${pid}/status`, 'utf8');
        return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
      };
      let after2 = 0;
      for (let load = 1; load <= 50; load++) {
        await api.inference.initModel(modelId);
        await ask(`Question ${load}`, 4);
        await api.inference.stopModel(modelId);
        if (load === 2) {
          after2 = await resident();
        }
      }
      return { ours: await resident(), reference: after2 };
    } finally {
      await dispose();
    }
  },
};
