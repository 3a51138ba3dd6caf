// The environment of a child process that runs as Node: what is named, and nothing that could hold a secret or change Node.
// Must not know: which child, whose environment.

/** @param from the environment that values are taken from; what it lacks is left out */
export function bareEnvironment(names: readonly string[], from: Readonly<Record<string, string | undefined>>): Record<string, string> {
  // VS Code's own executable is Node only when it is told so.
  const env: Record<string, string> = { ELECTRON_RUN_AS_NODE: '1' };
  for (const name of names) {
    const value = from[name];
    if (value !== undefined) {
      env[name] = value;
    }
  }
  return env;
}
