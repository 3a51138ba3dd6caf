// What a companion says about itself in its package.json, under contributes["x-jan"]; read without activating it.
// Must not know: how companions are activated, what they supply.

import * as v from 'valibot';
import type { ServiceGroup } from '../api/jan';

/** `backend`: runs models. `guard`: decides before calls. A service group: supplies names of it. `app`: only calls. */
const contributionKinds = ['backend', 'guard', 'data', 'inference', 'models', 'monitoring', 'app'] as const;
export type ContributionKind = (typeof contributionKinds)[number];

const companionSchema = v.object({
  apiVersion: v.literal(1),
  provides: v.pipe(v.array(v.picklist(contributionKinds)), v.maxLength(contributionKinds.length)),
});

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
  const result = v.safeParse(companionSchema, declared);
  if (!result.success) {
    return { kind: 'malformed', reason: result.issues.map((issue) => issue.message).join('; ') };
  }
  return { kind: 'companion', manifest: { provides: result.output.provides } };
}

/** Must a companion with these contributions be active before a call to a service of `group`? */
export function hasSayIn(manifest: CompanionManifest, group: ServiceGroup): boolean {
  return manifest.provides.some((kind) => kind === 'guard' || kind === group || (kind === 'backend' && group === 'inference'));
}

function propertyOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
