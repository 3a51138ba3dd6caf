// `npm test`: everything that must hold, one phase after the other, summed up in the last line.
// It must not know what a phase does. Usage: npm test -- [--only unit,contract,host,e2e,lint,…] [--grep text] [--soak]

import { parseArgs } from 'node:util';
import { requireNode24 } from '../../scripts/dev/node24.mjs';

await requireNode24();
const { phases } = await import('./phases.mjs');
const { runPhase } = await import('./runPhase.mjs');

const { values } = parseArgs({
  options: { only: { type: 'string' }, grep: { type: 'string' }, soak: { type: 'boolean', default: false } },
});
const all = phases({ grep: values.grep, soak: values.soak });
const only = values.only?.split(',').map((name) => name.trim());
const unknown = only?.filter((name) => !all.some((phase) => phase.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(`There is no phase ${unknown.join(', ')}. There are: ${all.map((phase) => phase.name).join(', ')}.`);
  process.exit(2);
}
const chosen = all.filter((phase) => !only || only.includes(phase.name));
if (only && chosen.some((phase) => phase.kind === 'tests') && !only.includes('build')) {
  chosen.unshift(all[0]);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  // Whatever runs ends with us: see spawnGuarded.
  process.on(signal, () => {
    console.log('\nInterrupted.');
    process.exit(1);
  });
}
const environment = {
  ...(values.grep ? { JAN_TEST_GREP: values.grep } : {}),
  ...(values.soak ? { JAN_TEST_SOAK: '1' } : {}),
};

const lines = [];
const failures = [];
let passed = 0;
let failed = 0;
let built = true;
for (const phase of chosen) {
  console.log(`\n━━ ${phase.name} ${'━'.repeat(Math.max(0, 70 - phase.name.length))}`);
  if (phase.absent) {
    console.log(`Nothing to run: ${phase.absent}.`);
    lines.push(`${phase.name}: nothing to run, ${phase.absent}`);
    continue;
  }
  if (phase.kind === 'tests' && !built) {
    console.log('Not run: the build is broken.');
    lines.push(`${phase.name}: not run, the build is broken`);
    failures.push(`${phase.name}: not run, the build is broken`);
    failed += 1;
    continue;
  }
  await phase.prepare?.().catch((error) => {
    console.log(error.message);
    lines.push(`${phase.name}: not all that it needs is here: ${error.message.split('\n')[0]}`);
  });
  const result = await runPhase(phase, environment);
  passed += result.passed;
  failed += result.failed;
  failures.push(...result.failures.map((failure) => `${phase.name}: ${failure}`));
  if (phase.name === 'build' && result.failed > 0) {
    built = false;
  }
  const line = `${phase.name}: ${summary(phase, result)} (${result.seconds.toFixed(1)} s)`;
  console.log(line);
  lines.push(line, ...result.pending.map((title) => `  skipped: ${title}`));
}
console.log(`\n━━ summary ${'━'.repeat(63)}`);
console.log(lines.join('\n'));
if (failures.length > 0) {
  console.log(`\nFailed:\n${failures.map((failure) => `  ${failure.split('\n')[0]}`).join('\n')}`);
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function summary(phase, result) {
  if (phase.kind === 'check') {
    return result.failed > 0 ? 'broken' : 'fine';
  }
  const skipped = result.pending.length > 0 ? `, ${result.pending.length} skipped` : '';
  return `${result.passed} passed, ${result.failed} failed${skipped}`;
}
