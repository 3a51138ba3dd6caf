// An extension for the bench row `activation`: activates ours and an empty one in a quiet extension host, times both,
// and looks at what that loaded. Written into a temporary folder with a manifest of its own. Must not know: the goal.

const fs = require('node:fs');
const path = require('node:path');
const vscode = require('vscode');

const { JAN_BENCH_OUT: out, JAN_BENCH_OURS: ours } = process.env;
const ids = { ours, reference: 'jan-bench.empty', warmUp: 'jan-bench.warm-up' };

exports.activate = () => {
  measure().then(write, (error) => write({ error: error?.stack ?? String(error) }));
};

async function measure() {
  await quiet();
  await timed(ids.warmUp);
  let wasm = 0;
  for (const name of ['compile', 'instantiate', 'Module', 'Instance', 'compileStreaming', 'instantiateStreaming']) {
    const original = globalThis.WebAssembly[name];
    globalThis.WebAssembly[name] = function (...args) {
      wasm += 1;
      return new.target ? Reflect.construct(original, args) : original.apply(this, args);
    };
  }
  const objectsBefore = new Set(sharedObjects());
  const modulesBefore = new Set(Object.keys(require.cache));
  const result = {};
  const order = fs.readdirSync(out).length % 2 === 0 ? ['ours', 'reference'] : ['reference', 'ours'];
  for (const which of order) {
    await quiet();
    result[which] = await timed(ids[which]);
  }
  await quiet();
  return {
    ...result,
    order: order.join(', '),
    wasm,
    sharedObjects: sharedObjects().filter((file) => !objectsBefore.has(file)),
    modules: Object.keys(require.cache).filter((file) => !modulesBefore.has(file)),
  };
}

async function timed(id) {
  const extension = vscode.extensions.getExtension(id);
  if (extension === undefined) {
    throw new Error(`${id} is not installed.`);
  }
  if (extension.isActive) {
    throw new Error(`${id} was active before it was asked to be.`);
  }
  const cpuBefore = threadCpuMs();
  const started = performance.now();
  await extension.activate();
  return { wall: performance.now() - started, cpu: threadCpuMs() - cpuBefore };
}

/** Processor time of this thread alone, ms: a busy machine does not make it longer. */
function threadCpuMs() {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Resolves when the event loop has been idle for a while: other extensions have started by then. */
async function quiet() {
  for (let calm = 0; calm < 5; ) {
    const asked = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 50));
    calm = performance.now() - asked < 55 ? calm + 1 : 0;
  }
}

function sharedObjects() {
  process.report.excludeNetwork = true;
  return process.report.getReport().sharedObjects;
}

function write(result) {
  const file = path.join(out, `${process.pid}.json`);
  fs.writeFileSync(`${file}.tmp`, JSON.stringify(result));
  fs.renameSync(`${file}.tmp`, file);
}
