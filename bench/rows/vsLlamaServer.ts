// Our endpoint against llama.cpp's own server, built from the same source.
// Must not know: how either works.

import { execFile, spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { testModelPath } from '../../test/fixtures/gguf/testModels';
import { BenchSkipped, median, type BenchRow } from '../benchRow';
import { openEndpoint, streamAnswer } from '../endpointBench';
import { shortQuestion } from '../longText';

/** As endpoint-mid: seven could not tell three hundredths (0.963 and 1.075 one after the other). */
const rounds = 31;
const tokens = 64;
const port = 43_911;

async function serverPath(): Promise<string> {
  try {
    return (await promisify(execFile)(process.execPath, [path.resolve('bench/buildLlamaServer.mjs')])).stdout.trim();
  } catch (error) {
    throw new BenchSkipped((error as { stderr?: string }).stderr?.trim().split('\n').at(-1) ?? String(error));
  }
}

export const row: BenchRow = {
  id: 'vs-llama-server',
  title: 'Tokens per second through our HTTP endpoint ÷ through llama-server, 200 MB model, the same threads, batch and context',
  unit: 'tokens/s',
  goal: { text: '≥ 0.97', isMet: (ratio) => ratio >= 0.97 },
  async measure() {
    const server = await serverPath();
    const modelPath = await testModelPath('mid');
    const threads = `${Math.max(1, os.availableParallelism() - 1)}`;
    const child = spawn(
      server,
      ['-m', modelPath, '--port', `${port}`, '--host', '127.0.0.1', '-t', threads, '-tb', threads, '-b', '128', '-ub', '128', '-c', '8192', '-np', '2', '-fa', 'off', '--no-webui'],
      { stdio: 'ignore', detached: true },
    );
    const endpoint = await openEndpoint(modelPath);
    try {
      const url = `http://127.0.0.1:${port}`;
      for (let attempt = 0; !(await fetch(`${url}/health`).then(({ ok }) => ok, () => false)); attempt++) {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new BenchSkipped(`llama-server, as built here, ended while it loaded the model (${child.signalCode ?? `exit code ${child.exitCode}`})`);
        }
        if (attempt > 200) {
          throw new Error('llama-server did not start');
        }
        await delay(200);
      }
      const ours: number[] = [];
      const reference: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        const question = shortQuestion(round);
        const askOurs = async () => ours.push((tokens * 1000) / (await endpoint.ask(question, tokens)).totalMs);
        const askTheirs = async () => reference.push((tokens * 1000) / (await streamAnswer(`${url}/v1`, 'none', question, tokens)).totalMs);
        for (const ask of round % 2 === 0 ? [askOurs, askTheirs] : [askTheirs, askOurs]) {
          await ask();
        }
      }
      return { ours: median(ours.slice(1)), reference: median(reference.slice(1)), note: `${tokens} tokens × ${rounds} rounds; median of the rounds' ratios ${median(ours.slice(1).map((speed, round) => speed / reference[round + 1]!)).toFixed(3)}` };
    } finally {
      child.kill();
      await endpoint.dispose();
    }
  },
};
