// The guard point: every call passes here before its provider. Deny wins, and every doubt is a denial.
// Must not know: what a guard looks at (identity, access, policy), what providers do.

import type { Guard, GuardDecision, ServiceCall } from '../api/jan';
import { isJanError, JanError } from '../common/errors';
import { toDisposable, type Disposable } from '../common/lifecycle';

/** A guard that has not answered by then has denied. */
const guardDeadlineMs = 10_000;

export class Guards {
  readonly #guards = new Map<string, Guard>();

  constructor(private readonly deadlineMs: number = guardDeadlineMs) {}

  get ids(): readonly string[] {
    return [...this.#guards.keys()];
  }

  register(guard: Guard): Disposable {
    if (typeof guard?.id !== 'string' || guard.id === '' || typeof guard.check !== 'function') {
      throw new JanError('plugin-invalid', 'A guard needs an id and a check function.');
    }
    if (this.#guards.has(guard.id)) {
      throw new JanError('plugin-conflict', `A guard named "${guard.id}" is already registered.`);
    }
    this.#guards.set(guard.id, guard);
    return toDisposable(() => this.#guards.delete(guard.id));
  }

  /** Resolves when every guard allows the call. @throws JanError `denied` with the reason the guard gave. */
  async check(call: ServiceCall): Promise<void> {
    for (const guard of [...this.#guards.values()]) {
      const decision = await this.#ask(guard, call);
      if (!decision.allow) {
        throw new JanError('denied', decision.reason, { details: { guard: guard.id, service: call.name } });
      }
    }
  }

  async #ask(guard: Guard, call: ServiceCall): Promise<GuardDecision> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<GuardDecision>((resolve) => {
      timer = setTimeout(
        () => resolve({ allow: false, reason: `The check "${guard.id}" did not answer in time, so this was not allowed.` }),
        this.deadlineMs,
      );
    });
    try {
      const decision: unknown = await Promise.race([guard.check(call), deadline]);
      return normaliseDecision(decision, guard.id);
    } catch (error) {
      const reason = isJanError(error) ? error.message : `The check "${guard.id}" failed, so this was not allowed.`;
      return { allow: false, reason };
    } finally {
      clearTimeout(timer);
    }
  }
}

function normaliseDecision(decision: unknown, guardId: string): GuardDecision {
  if (typeof decision === 'object' && decision !== null) {
    const { allow, reason } = decision as { allow?: unknown; reason?: unknown };
    if (allow === true) {
      return { allow: true };
    }
    if (allow === false) {
      return { allow: false, reason: typeof reason === 'string' && reason !== '' ? reason : `Not allowed by "${guardId}".` };
    }
  }
  return { allow: false, reason: `The check "${guardId}" gave no clear answer, so this was not allowed.` };
}
