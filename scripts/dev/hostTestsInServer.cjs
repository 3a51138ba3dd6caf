// Runs inside the extension host of VS Code's server, in front of the real test module: hands what the host prints to
// the launcher, which has no other clean way to it. It must not know what is tested.

const net = require('node:net');
const { pathToFileURL } = require('node:url');
const { format } = require('node:util');

const socketPath = process.env.JAN_LAUNCHER_SOCKET;
const testModule = process.env.JAN_LAUNCHER_TESTS;

exports.run = async function run() {
  const socket = net.connect(socketPath);
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.on('error', () => {});
  const restore = copyConsoleTo(socket);
  try {
    const loaded = await load(testModule);
    const start = loaded.run ?? loaded.default?.run ?? loaded.default;
    if (typeof start !== 'function') {
      throw new Error(`${testModule} exports no function named run.`);
    }
    return await (start.length > 0 ? runWithCallback(start) : start());
  } catch (error) {
    socket.write(`${error?.stack ?? error}\n`);
    throw error;
  } finally {
    restore();
    // Told apart from a host that died: a death closes the socket without this word.
    await new Promise((resolve) => socket.end('\0ended', resolve));
  }
};

/** VS Code accepts `run(testsRoot, callback)` as well as `run()`; both are served. */
function runWithCallback(start) {
  return new Promise((resolve, reject) => {
    start(testModule, (error, failures) => {
      if (error) {
        reject(error);
      } else if (failures > 0) {
        reject(new Error(`${failures} tests failed`));
      } else {
        resolve();
      }
    });
  });
}

async function load(file) {
  try {
    return require(file);
  } catch (error) {
    if (error.code !== 'ERR_REQUIRE_ESM' && error.code !== 'ERR_REQUIRE_ASYNC_MODULE') {
      throw error;
    }
    return import(pathToFileURL(file).href);
  }
}

function copyConsoleTo(socket) {
  const original = globalThis.console;
  // VS Code made the methods of its console constant, so a console in front of it takes their place.
  const copying = Object.create(original);
  for (const method of ['log', 'info', 'warn', 'error', 'debug']) {
    const value = (...values) => {
      socket.write(`${format(...values)}\n`);
      original[method](...values);
    };
    Object.defineProperty(copying, method, { value, configurable: true, writable: true, enumerable: true });
  }
  globalThis.console = copying;
  return () => {
    globalThis.console = original;
  };
}
