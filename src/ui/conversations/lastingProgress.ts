// A notification with progress, for tasks that last. One that comes and goes at once says nothing, and VS Code, which shows
// no more than three notifications within 800 ms, would then put the result behind the bell unseen.
// Must not know: what the tasks do.

import * as vscode from 'vscode';

/** ms until a task is one that lasts. */
const patienceMs = 500;

export interface TaskProgress {
  readonly message: string;
  /** 0…100 */
  readonly percent: number;
}

export interface LastingTask {
  readonly signal: AbortSignal;
  readonly report: (progress: TaskProgress) => void;
}

/** Runs it; what it rejects with passes through. @param canCancel does the task heed its signal? */
export async function withLastingProgress<T>(title: string, canCancel: boolean, act: (task: LastingTask) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  let latest: TaskProgress | undefined;
  let shown: vscode.Progress<{ readonly message?: string; readonly increment?: number }> | undefined;
  let percent = 0;
  const draw = (): void => {
    if (latest !== undefined) {
      shown?.report({ message: latest.message, ...(latest.percent > percent ? { increment: latest.percent - percent } : {}) });
      percent = shown === undefined ? percent : Math.max(percent, latest.percent);
    }
  };
  const running = act({
    signal: abort.signal,
    report: (progress) => {
      latest = progress;
      draw();
    },
  });
  const timer = setTimeout(() => {
    const options = { location: vscode.ProgressLocation.Notification, title, cancellable: canCancel };
    void vscode.window.withProgress(options, async (progress, token) => {
      const cancelling = token.onCancellationRequested(() => abort.abort());
      shown = progress;
      draw();
      await running.catch(() => undefined);
      cancelling.dispose();
    });
  }, patienceMs);
  try {
    return await running;
  } finally {
    clearTimeout(timer);
  }
}
