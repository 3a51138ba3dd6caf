import assert from 'node:assert/strict';
import { GpuList, type GraphicsController } from '../../../../src/builtin/monitoring/gpus';
import { SystemInformation } from '../../../../src/builtin/monitoring/systemInformation';
import { nullLogger } from '../../../../src/common/log';

class Scripted extends SystemInformation {
  calls = 0;

  constructor(private readonly answer: () => Promise<readonly GraphicsController[]>) {
    super();
  }

  override graphics(): Promise<readonly GraphicsController[]> {
    this.calls += 1;
    return this.answer();
  }
}

describe('GpuList', () => {
  it('asks once and keeps what has a name', async () => {
    const system = new Scripted(() =>
      Promise.resolve([
        { model: 'RTX', vram: 8192, memoryTotal: 8188 },
        { model: 'Integrated', vram: 512, vramDynamic: true },
        { model: '', vram: 1 },
        { model: 5, vram: 'x' },
        { model: 'Old', vram: 1024 },
      ]),
    );
    const list = new GpuList(system, nullLogger);
    const expected = [{ name: 'RTX', memoryTotal: 8188 * 1024 ** 2 }, { name: 'Integrated' }, { name: 'Old', memoryTotal: 1024 ** 3 }];
    assert.deepEqual(await list.get(), expected);
    assert.deepEqual(await list.get(), expected);
    assert.equal(system.calls, 1);
  });

  it('a failure is an empty list', async () => {
    assert.deepEqual(await new GpuList(new Scripted(() => Promise.reject(new Error('x'))), nullLogger).get(), []);
  });
});

describe('SystemInformation', () => {
  it('answers from its own thread, and not once disposed', async function () {
    this.timeout(15_000);
    const system = new SystemInformation();
    assert.ok(Array.isArray(await system.graphics()));
    const memory = await system.memory();
    assert.ok(memory !== undefined && memory.available <= memory.total);
    const self = await system.process(process.pid);
    assert.ok(self !== undefined && self.memory > 10e6);
    const pending = assert.rejects(system.graphics(), /ended/);
    system.dispose();
    await pending;
    await assert.rejects(system.graphics(), /ended/);
  });
});
