// A whole VS Code for end-to-end tests: one server with a fresh profile, one browser, any number of windows.
// It must not know what the extension shows; that is for the tests.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, BrowserContext } from 'playwright-core';
import type { ProcessEntry, VSCodeServer } from './devTools';
import { installVsix, launchBrowser, repositoryRoot, startVSCodeServer, windowUrl } from './devTools';
import { waitUntil } from './waitUntil';
import { WorkbenchWindow } from './workbenchWindow';

export interface WorkbenchOptions {
  /** Absolute folders of extensions, used as if they were installed. The first one is "the" extension of `janFrame()`. */
  readonly extensions: readonly string[];
  /** Absolute paths of .vsix files to install, as a user does. */
  readonly packages?: readonly string[];
  /** Absolute. Default: an empty folder named `workspace` in the profile. */
  readonly workspaceFolder?: string;
  /** User settings on top of quiet defaults. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Environment of the extension host, on top of ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** An existing profile folder, to see what survives a restart. It is then not removed by `stop()`. */
  readonly profileDir?: string;
  /** Size of a window in pixels. Default 1280 × 900. */
  readonly viewport?: { readonly width: number; readonly height: number };
}

/** No network, no questions, nothing that changes between two runs. */
const quietSettings = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.reduceMotion': 'on',
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'telemetry.telemetryLevel': 'off',
  'git.openRepositoryInParentFolders': 'never',
};

/** Starts a VS Code; call `stop()` in `after`. */
export async function startWorkbench(options: WorkbenchOptions): Promise<Workbench> {
  const profileDir = options.profileDir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'jan-e2e-'));
  const workspaceFolder = options.workspaceFolder ?? path.join(profileDir, 'workspace');
  fs.mkdirSync(workspaceFolder, { recursive: true });
  // Settings of machine scope are read from the server's side only, all others from the user's.
  const settings = JSON.stringify({ ...quietSettings, ...options.settings }, undefined, 2);
  for (const side of ['User', 'Machine']) {
    const folder = path.join(profileDir, 'data', side);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'settings.json'), settings);
  }
  for (const vsix of options.packages ?? []) {
    await installVsix(vsix, { dataDir: profileDir, extensionsDir: path.join(profileDir, 'extensions') });
  }
  const server = await startVSCodeServer({
    dataDir: profileDir,
    extensionsDir: path.join(profileDir, 'extensions'),
    extensions: [...options.extensions],
    env: { ...process.env, ...options.env },
  });
  try {
    const browser = await launchBrowser();
    const context = await browser.newContext({ viewport: options.viewport ?? { width: 1280, height: 900 } });
    return new Workbench(server, browser, context, profileDir, workspaceFolder, options);
  } catch (error) {
    await server.stop();
    throw error;
  }
}

export class Workbench {
  readonly windows: WorkbenchWindow[] = [];
  /** Windows are opened one after the other, so that each knows its own extension host. */
  #opening: Promise<unknown> = Promise.resolve();

  constructor(
    readonly server: VSCodeServer,
    readonly browser: Browser,
    readonly context: BrowserContext,
    readonly profileDir: string,
    readonly workspaceFolder: string,
    readonly options: WorkbenchOptions,
  ) {}

  /** `publisher.name` of the first extension; of ours when there are only packages. */
  get extensionId(): string {
    const manifest = path.join(this.options.extensions[0] ?? repositoryRoot, 'package.json');
    const { publisher, name } = JSON.parse(fs.readFileSync(manifest, 'utf8')) as { publisher: string; name: string };
    return `${publisher}.${name}`;
  }

  /**
   * Opens one more window and waits until its workbench is drawn and its extension host runs.
   *
   * @param options.folder absolute; default the workbench's own. Two windows may show the same folder.
   */
  openWindow(options: { readonly folder?: string } = {}): Promise<WorkbenchWindow> {
    const opened = this.#opening.then(async () => {
      const url = windowUrl(this.server, {
        folder: options.folder ?? this.workspaceFolder,
      });
      const window = new WorkbenchWindow(this, await this.context.newPage(), url);
      this.windows.push(window);
      await window.load();
      return window;
    });
    this.#opening = opened.catch(() => {});
    return opened;
  }

  /** Process ids of the extension hosts of all windows. Linux and macOS. */
  extensionHostPids(): number[] {
    return this.#pids((entry) => entry.command.includes('--type=extensionHost'));
  }

  /** Process id of the extension host that the server has started for one of these connections, once it has. */
  extensionHostOf(connections: ReadonlySet<string>): number | undefined {
    const logs = path.join(this.profileDir, 'data', 'logs');
    const files = fs.existsSync(logs) ? fs.readdirSync(logs).map((folder) => path.join(logs, folder, 'remoteagent.log')) : [];
    const text = files.map((file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '')).join('\n');
    const launched = [...text.matchAll(/\[(\w{8})\]\[ExtensionHostConnection\] <(\d+)> Launched/g)].filter(([, token]) => connections.has(token!));
    const pid = Number(launched.at(-1)?.[2]);
    return Number.isNaN(pid) ? undefined : pid;
  }

  /** Process ids of our runtime processes (those started with `dist/runtime.mjs`), also of orphaned ones. */
  runtimePids(): number[] {
    return this.#pids((entry) => entry.command.some((word) => /[\\/]runtime\.(mjs|cjs|js)$/.test(word)));
  }

  /** Ends a process the hard way and waits until it has gone. */
  async kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    process.kill(pid, signal);
    await waitUntil(`process ${pid} has gone`, () => this.#pids((entry) => entry.pid === pid).length === 0);
  }

  /** Ends browser, server and all they started; removes the profile if `startWorkbench` made it. */
  async stop(): Promise<void> {
    await this.browser.close();
    await this.server.stop();
    if (this.options.profileDir === undefined) {
      fs.rmSync(this.profileDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  }

  #pids(matches: (entry: ProcessEntry) => boolean): number[] {
    const all = this.server.processes();
    // Between fork and exec a child is a copy of its parent, command line and all: an extension host that starts a tool
    // would look like two.
    const commands = new Map(all.map(({ pid, command }) => [pid, command.join('\0')]));
    return all.filter((entry) => matches(entry) && commands.get(entry.ppid) !== entry.command.join('\0')).map((entry) => entry.pid);
  }
}
