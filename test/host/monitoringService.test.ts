import assert from 'node:assert/strict';
import os from 'node:os';
import type { JanApi } from '../../src/api/jan';
import { apiOfCompanion } from './support';

describe('Monitoring service, through the companion', () => {
  let api: JanApi;
  before(async () => {
    api = await apiOfCompanion();
  });

  it('GET_RESOURCES_INFORMATION tells memory, processor and the engine\'s share', async () => {
    await api.inference.initModel('jan-guide');
    const { pid } = await api.inference.getEngineState();
    const resources = await api.invoke(api.MonitoringService.GET_RESOURCES_INFORMATION);
    assert.ok(resources.memory.total > 0 && resources.memory.total <= os.totalmem());
    assert.ok(resources.memory.used > 0 && resources.memory.used < resources.memory.total);
    assert.equal(resources.memory.used + resources.memory.available, resources.memory.total);
    assert.ok(resources.cpu.cores >= 1 && resources.cpu.model.length > 0);
    assert.ok(Array.isArray(resources.gpus));
    assert.ok(resources.runtime, 'the engine runs, so its share is told');
    assert.equal(resources.runtime.pid, pid);
    assert.ok(resources.runtime.memory > 1_000_000);
  });

  it('GET_CURRENT_LOAD_INFORMATION tells percentages of a span', async () => {
    const load = await api.invoke(api.MonitoringService.GET_CURRENT_LOAD_INFORMATION);
    for (const percent of [load.cpu, load.memory, load.runtimeCpu ?? 0]) {
      assert.ok(percent >= 0 && percent <= 100, JSON.stringify(load));
    }
    assert.ok(load.intervalMs > 0);
  });
});
