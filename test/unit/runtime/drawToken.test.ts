import assert from 'node:assert/strict';
import { candidatesOf, drawToken, seededRandom, type DrawSampling } from '../../../src/runtime/drawToken';

const off: DrawSampling = { temperature: 1, topK: 0, topP: 1, minP: 0, frequencyPenalty: 0, presencePenalty: 0 };
const probabilities = new Map([
  [7, 0.5],
  [3, 0.3],
  [9, 0.15],
  [1, 0.05],
]);

/** How often each token comes, of 20,000 draws. */
function shares(sampling: Partial<DrawSampling>, recent: readonly number[] = [], bias?: ReadonlyMap<number, number>): Record<number, number> {
  const random = seededRandom(1);
  const candidates = candidatesOf(probabilities, { ...off, ...sampling }, recent, bias);
  const counts: Record<number, number> = {};
  for (let i = 0; i < 20_000; i++) {
    const token = drawToken(candidates, random);
    counts[token] = (counts[token] ?? 0) + 1 / 20_000;
  }
  return counts;
}

function near(actual: Record<number, number>, expected: Record<number, number>): void {
  assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort());
  for (const [token, share] of Object.entries(expected)) {
    assert.ok(Math.abs(actual[Number(token)]! - share) < 0.02, `${token}: ${actual[Number(token)]} instead of ${share}`);
  }
}

describe('drawing a token', () => {
  it('follows the probabilities, sharper or flatter by temperature', () => {
    near(shares({}), { 7: 0.5, 3: 0.3, 9: 0.15, 1: 0.05 });
    near(shares({ temperature: 0 }), { 7: 1 });
    const squared = 0.25 + 0.09 + 0.0225 + 0.0025;
    near(shares({ temperature: 0.5 }), { 7: 0.25 / squared, 3: 0.09 / squared, 9: 0.0225 / squared, 1: 0.0025 / squared });
  });

  it('says what is left to draw from, likeliest first, as parts of one', () => {
    assert.deepEqual([...candidatesOf(probabilities, { ...off, temperature: 0 }, [], undefined)], [[7, 1]]);
    const left = candidatesOf(probabilities, { ...off, topK: 3 }, [], new Map([[9, Math.log(10)], [3, -Infinity]]));
    assert.deepEqual([...left.keys()], [9, 7, 1]);
    assert.ok(Math.abs([...left.values()].reduce((sum, part) => sum + part, 0) - 1) < 1e-12);
    assert.ok(Math.abs(left.get(9)! - 1.5 / 2.05) < 1e-12);
  });

  it('keeps the k likeliest, those that make up p, and those of at least a share of the best', () => {
    near(shares({ topK: 2 }), { 7: 0.625, 3: 0.375 });
    near(shares({ topP: 0.6 }), { 7: 0.625, 3: 0.375 });
    near(shares({ minP: 0.5 }), { 7: 0.625, 3: 0.375 });
    near(shares({ topK: 1 }), { 7: 1 });
  });

  it('adds a bias to logits, and never says what is forbidden', () => {
    near(shares({}, [], new Map([[7, -Infinity]])), { 3: 0.6, 9: 0.3, 1: 0.1 });
    near(shares({ temperature: 0 }, [], new Map([[1, 10]])), { 1: 1 });
  });

  it('lowers what was said, by count and by presence', () => {
    near(shares({ temperature: 0, presencePenalty: 2 }, [7]), { 3: 1 });
    near(shares({ temperature: 0, frequencyPenalty: 0.1 }, [7]), { 7: 1 });
    near(shares({ temperature: 0, frequencyPenalty: 0.1 }, Array(10).fill(7) as number[]), { 3: 1 });
  });

  it('is the same for the same seed', () => {
    const draws = (seed: number) => Array.from({ length: 50 }, seededRandom(seed));
    assert.deepEqual(draws(5), draws(5));
    assert.notDeepEqual(draws(5), draws(6));
  });
});
