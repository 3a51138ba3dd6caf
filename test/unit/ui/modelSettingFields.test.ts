import assert from 'node:assert/strict';
import { samplingPresets } from '../../../src/common/samplingPresets';
import { untranslated } from '../../../src/ui/localise';
import {
  describeSettings,
  describeValue,
  modelSettingFields,
  parseNumber,
  withPreset,
  withValue,
  type NumberField,
} from '../../../src/ui/modelSettingFields';

const field = (key: string) => modelSettingFields(untranslated).find((one) => one.key === key)!;
const parse = (key: string, typed: string) => parseNumber(field(key) as NumberField, typed, untranslated);

describe('the settings of a model', () => {
  it('takes what is in range and says what is not', () => {
    assert.deepEqual(parse('temperature', ' 0.5 '), { value: 0.5 });
    assert.deepEqual(parse('temperature', '0,5'), { value: 0.5 });
    assert.deepEqual(parse('temperature', ''), { value: undefined });
    for (const bad of ['3', '-1', 'warm', 'NaN', 'Infinity']) {
      assert.match((parse('temperature', bad) as { problem: string }).problem, /from 0 to 2/);
    }
    assert.match((parse('topK', '1.5') as { problem: string }).problem, /whole number/);
    assert.deepEqual(parse('load.gpuLayers', 'max'), { value: 'max' });
    assert.match((parse('load.gpuLayers', 'many') as { problem: string }).problem, /auto, max/);
  });

  it('sets and takes away, and leaves nothing empty', () => {
    const some = withValue(withValue({}, 'temperature', 0.5), 'load.contextLength', 4096);
    assert.deepEqual(some, { temperature: 0.5, load: { contextLength: 4096 } });
    assert.deepEqual(withValue(some, 'load.contextLength', undefined), { temperature: 0.5 });
    assert.deepEqual(withValue({ other: 1 }, 'temperature', 1), { other: 1, temperature: 1 });
  });

  it('knows a preset by its values', () => {
    const precise = withPreset({ temperature: 2, topK: 5 }, samplingPresets[0]);
    assert.equal(describeValue(field('preset'), precise, untranslated), 'Precise');
    assert.equal(precise.topK, 5);
    assert.equal(describeValue(field('preset'), withValue(precise, 'temperature', 1), untranslated), '');
    assert.deepEqual(withPreset(precise, undefined), { topK: 5 });
  });

  it('says what is set, whatever a settings file holds', () => {
    const rows = describeSettings({ load: { chatTemplate: 'abc', loraAdapters: [{ path: '/a/b.gguf' }] }, systemPrompt: 'Be\nbrief.' }, untranslated);
    assert.deepEqual(rows, [
      ['Instructions', 'Be brief.'],
      ['LoRA adapters', 'b.gguf'],
      ['Chat template', 'overridden, 3 characters'],
    ]);
    assert.doesNotThrow(() => describeSettings({ load: { loraAdapters: [null] as never }, temperature: {} as never }, untranslated));
    assert.doesNotThrow(() => describeSettings({ load: 'x' as never }, untranslated));
  });
});
