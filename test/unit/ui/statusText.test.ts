import assert from 'node:assert/strict';
import type { CurrentLoad, ResourcesInfo } from '../../../src/api/jan';
import { untranslated } from '../../../src/ui/localise';
import { modelInFocus, statusLine, statusTooltip, wantsPolling, type StatusInput } from '../../../src/ui/statusText';
import { engine, running } from './fakes';

const load: CurrentLoad = { cpu: 37.6, memory: 61.2, runtimeCpu: 30, runtimeMemory: 5_000_000_000, intervalMs: 2000 };
const resources: ResourcesInfo = {
  memory: { total: 24e9, used: 12e9, available: 12e9 },
  cpu: { model: 'x', cores: 8 },
  gpus: [{ name: 'RTX', memoryTotal: 12e9, memoryUsed: 3e9 }],
};

describe('statusLine', () => {
  const line = (input: Partial<StatusInput>): string => statusLine({ show: 'model', ...input }, untranslated).text;

  it('names the model and its state', () => {
    assert.equal(line({}), '$(comment-discussion) Jan');
    assert.equal(line({ engine: engine({ status: 'stopped' }) }), '$(comment-discussion) Jan');
    assert.equal(line({ engine: engine({ status: 'starting' }) }), '$(loading~spin) Jan');
    assert.equal(line({ engine: engine({ models: [running({ status: 'loading', progress: 0.43 })] }) }), '$(loading~spin) Qwen 3 · loading 43 %');
    assert.equal(line({ engine: engine({ models: [running()] }) }), '$(chip) Qwen 3');
    assert.equal(line({ engine: engine({ models: [running()], tokensPerSecond: 38.2 }) }), '$(chip) Qwen 3 · 38 t/s');
    assert.equal(line({ engine: engine({ models: [running()], activeRequests: 1, tokensPerSecond: 38.2 }) }), '$(loading~spin) Qwen 3 · 38 t/s');
  });

  it('tells that others are answered, of which no speed is known here', () => {
    const others = engine({ models: [running({ activeRequests: 2 })], tokensPerSecond: 38.2 });
    assert.equal(line({ engine: others }), '$(loading~spin) Qwen 3 · answering (2)');
    assert.equal(line({ engine: engine({ models: [running({ activeRequests: 1 })] }) }), '$(loading~spin) Qwen 3 · answering');
    assert.match(statusTooltip({ show: 'model', engine: others }, untranslated, String), /answering other windows or programs/);
    assert.equal(line({ engine: engine({ models: [running({ activeRequests: 1 })], activeRequests: 1, tokensPerSecond: 38.2 }) }), '$(loading~spin) Qwen 3 · 38 t/s');
  });

  it('shows load when asked to and measured', () => {
    assert.equal(line({ show: 'load', load }), '$(pulse) CPU 37 % · RAM 61 %');
    assert.equal(line({ show: 'load' }), '$(comment-discussion) Jan');
  });

  it('says that the engine stopped, whatever is shown', () => {
    const crashed = statusLine({ show: 'load', load, engine: engine({ status: 'crashed' }) }, untranslated);
    assert.equal(crashed.failed, true);
    assert.match(crashed.text, /^\$\(error\)/);
  });

  it('is short, and no name makes an icon', () => {
    const models = [running({ name: '$(flame) A model with a very very long name indeed' })];
    const text = line({ engine: engine({ models }) });
    assert.ok(text.length <= 24 + '$(chip) '.length, text);
    assert.ok(!text.includes('$(flame)'), text);
    assert.doesNotMatch(statusLine({ show: 'model', engine: engine({ models: [running()] }) }, untranslated).spoken, /\$\(/);
  });

  it('prefers the model that is changing', () => {
    const models = [running({ modelId: 'a', status: 'loading' }), running({ modelId: 'b' })];
    assert.equal(modelInFocus(engine({ models }))?.modelId, 'a');
    assert.equal(modelInFocus(engine({ models: [running({ modelId: 'a' }), running({ modelId: 'b' })] }))?.modelId, 'b');
    assert.equal(modelInFocus(undefined), undefined);
  });
});

describe('statusTooltip', () => {
  it('is a table of what is known', () => {
    const state = engine({ models: [running({ memory: 4.5e9, contextLength: 8192 })], tokensPerSecond: 38 });
    const text = statusTooltip({ show: 'model', engine: state, load, resources, measuredAt: 5 }, untranslated, (at) => `t${at}`);
    const rows = text.split('\n').filter((row) => row.startsWith('| ') && !row.startsWith('| |'));
    assert.deepEqual(rows.map((row) => row.replaceAll('\\', '')), [
      '| Model | Qwen 3 · 4.5 GB · 8k tokens of context |',
      '| Engine | idle |',
      '| Last speed | 38 t/s |',
      '| Processor | 37 % · 8 cores |',
      '| Memory | 12 GB of 24 GB |',
      '| Engine’s share | 30 % processor · 5 GB |',
      '| Graphics | RTX · 3 GB of 12 GB |',
    ]);
    assert.match(text, /Measured at t5/);
  });

  it('leaves out what is not known', () => {
    const text = statusTooltip({ show: 'model', engine: engine({ status: 'stopped' }) }, untranslated, String);
    assert.match(text, /starts on first use/);
    assert.doesNotMatch(text, /Processor|Memory|Graphics|Measured/);
  });

  it('shows why the engine stopped, as text only', () => {
    const state = engine({ status: 'crashed', error: { code: 'engine-crashed', message: 'Killed by [x](command:y)' } });
    assert.ok(statusTooltip({ show: 'model', engine: state }, untranslated, String).includes('Killed by \\[x\\]\\(command:y\\)'));
  });
});

describe('wantsPolling', () => {
  it('only while somebody can see the numbers move', () => {
    const answering = engine({ activeRequests: 1 });
    assert.equal(wantsPolling({ show: 'load', focused: true }), true);
    assert.equal(wantsPolling({ show: 'load', focused: false }), false);
    assert.equal(wantsPolling({ show: 'model', focused: true, engine: engine() }), false);
    assert.equal(wantsPolling({ show: 'model', focused: true, engine: answering }), true);
    assert.equal(wantsPolling({ show: 'model', focused: true, engine: engine({ models: [running({ activeRequests: 1 })] }) }), true);
    assert.equal(wantsPolling({ show: 'model', focused: false, engine: answering }), false);
    assert.equal(wantsPolling({ show: 'off', focused: true, engine: answering }), false);
  });
});
