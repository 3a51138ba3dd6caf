// Which plugin supplies which service name, and whose function is in force.
// Must not know: what the functions do, guards, callers.

import type { ServiceName } from '../api/jan';
import { JanError } from '../common/errors';
import { toDisposable, type Disposable } from '../common/lifecycle';
import { groupOfService } from './serviceNames';

export type ProviderFunction = (...args: readonly unknown[]) => unknown;

interface Registration {
  readonly pluginId: string;
  readonly builtin: boolean;
  readonly provide: ProviderFunction;
}

/** The user's choice: service group or service name → plugin id. A name outranks its group. */
export type ProviderChoice = Readonly<Record<string, string>>;

export class Providers {
  readonly #byName = new Map<ServiceName, Registration[]>();
  #choice: ProviderChoice = {};

  setChoice(choice: ProviderChoice): void {
    this.#choice = choice;
  }

  register(name: ServiceName, registration: Registration): Disposable {
    const registrations = this.#byName.get(name) ?? [];
    if (registrations.some((other) => other.pluginId === registration.pluginId)) {
      throw new JanError('plugin-conflict', `${registration.pluginId} already supplies "${name}".`);
    }
    this.#byName.set(name, [...registrations, registration]);
    return toDisposable(() => {
      this.#byName.set(name, (this.#byName.get(name) ?? []).filter((other) => other !== registration));
    });
  }

  namesOf(pluginId: string): readonly ServiceName[] {
    return [...this.#byName].filter(([, all]) => all.some((one) => one.pluginId === pluginId)).map(([name]) => name);
  }

  /** The plugin the user chose for this name, if any. */
  #chosenFor(name: ServiceName): string | undefined {
    const group = groupOfService(name);
    return this.#choice[name] ?? (group === undefined ? undefined : this.#choice[group]);
  }

  /**
   * The registration in force: the user's choice, else the built-in one, else the first. A choice that is not there is
   * an error rather than a fallback: data must not silently go somewhere else.
   */
  resolve(name: ServiceName): Registration {
    const registrations = this.#byName.get(name) ?? [];
    const chosen = this.#chosenFor(name);
    if (chosen !== undefined) {
      const registration = registrations.find((one) => one.pluginId === chosen);
      if (registration === undefined) {
        throw new JanError(
          'no-provider',
          `"${chosen}", which you chose for "${name}", is not available. Install or enable it, or change the setting jan.providers.`,
          { details: { service: name, plugin: chosen } },
        );
      }
      return registration;
    }
    const registration = registrations.find((one) => one.builtin) ?? registrations[0];
    if (registration === undefined) {
      throw new JanError('no-provider', `Nothing supplies "${name}". Install a plugin that does.`, { details: { service: name } });
    }
    return registration;
  }
}
