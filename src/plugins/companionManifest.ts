// What a companion says about itself in its package.json, under contributes["x-jan"]; read without activating it.
// Must not know: how companions are activated, what they supply.

import type { ServiceGroup } from '../api/jan';

/** `backend`: runs models. `guard`: decides before calls. A service group: supplies names of it. `app`: only calls. */
const contributionKinds = ['backend', 'guard', 'data', 'inference', 'models', 'monitoring', 'app'] as const;
export type ContributionKind = (typeof contributionKinds)[number];

export interface CompanionManifest {
  readonly provides: readonly ContributionKind[];
}

export type CompanionReading =
  | { readonly kind: 'none' }
  | { readonly kind: 'companion'; readonly manifest: CompanionManifest }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Reads `contributes["x-jan"]` of any extension's package.json, which may hold anything. */
export function readCompanionManifest(packageJson: unknown): CompanionReading {
  const contributes = propertyOf(packageJson, 'contributes');
  const declared = propertyOf(contributes, 'x-jan');
  if (declared === undefined) {
    return { kind: 'none' };
  }
  if (propertyOf(declared, 'apiVersion') !== 1) {
    return { kind: 'malformed', reason: 'apiVersion must be 1' };
  }
  const provides = propertyOf(declared, 'provides');
  if (!Array.isArray(provides) || provides.length > contributionKinds.length || !provides.every(isContributionKind)) {
    return { kind: 'malformed', reason: `provides must be a list of ${contributionKinds.join(', ')}` };
  }
  return { kind: 'companion', manifest: { provides } };
}

function isContributionKind(value: unknown): value is ContributionKind {
  return (contributionKinds as readonly unknown[]).includes(value);
}

/** Must a companion with these contributions be active before a call to a service of `group`? */
export function hasSayIn(manifest: CompanionManifest, group: ServiceGroup): boolean {
  return manifest.provides.some((kind) => kind === 'guard' || kind === group || (kind === 'backend' && group === 'inference'));
}

function propertyOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
