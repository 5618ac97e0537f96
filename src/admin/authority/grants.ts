import { modelAllowed } from '../../access';
import type { Limits } from '../../core/context';
import { PermissionDeniedError } from '../../core/errors';

/** What somebody or something may use in the end: every limit applies, and a model must be in every list. */
export interface Reach {
  readonly limits: readonly Limits[];
  readonly models: readonly (readonly string[])[];
}

/** What is to be given: its own restrictions, as they were asked for, and what binds it from above. */
export interface Grant {
  readonly limits: Limits | null;
  readonly allowedModels: readonly string[] | null;
  readonly above: Reach;
}

const FIELDS = {
  requestsPerMinute: 'requests_per_minute',
  tokensPerMinute: 'tokens_per_minute',
  maxConcurrency: 'max_concurrency',
} as const satisfies Record<keyof Limits, string>;

/**
 * Throws `PermissionDeniedError` when the grant would reach further than the giver: in what it is written to allow, or in
 * what it comes to where it is silent.
 */
export function requireWithin(giver: Reach, grant: Grant): void {
  for (const field of Object.keys(FIELDS) as (keyof Limits)[]) requireLimit(giver, grant, field);
  const isWritten = grant.allowedModels !== null;
  const given = isWritten ? [grant.allowedModels] : grant.above.models;
  const isCovered = giver.models.every((held) => given.some((list) => list.every((name) => covers(held, name))));
  if (isCovered) return;
  throw new PermissionDeniedError(
    `allowed_models must be among the models that you may use yourself: ${giver.models.map((held) => held.join(', ')).join('; ')}.`,
    'permission_denied',
    'allowed_models',
  );
}

function requireLimit(giver: Reach, { limits, above }: Grant, field: keyof Limits): void {
  const most = least(giver.limits, field);
  const written = limits?.[field] ?? Infinity;
  const comesTo = Math.min(written, least(above.limits, field));
  if (comesTo <= most && (written <= most || written === Infinity)) return;
  throw new PermissionDeniedError(
    `limits.${FIELDS[field]} must be set, and at most ${most}: you may not give more than you have.`,
    'permission_denied',
    `limits.${FIELDS[field]}`,
  );
}

/** Throws `PermissionDeniedError` for a limit above the one that was given. What is left out stays as it was given. */
export function requireLimitsWithin(given: Limits | null, wanted: Limits | null): void {
  for (const [field, name] of Object.entries(FIELDS) as [keyof Limits, string][]) {
    const most = given?.[field] ?? Infinity;
    if ((wanted?.[field] ?? 0) <= most) continue;
    throw new PermissionDeniedError(
      `${name} must be at most ${most}: the team was given no more.`,
      'permission_denied',
      name,
    );
  }
}

const least = (all: readonly Limits[], field: keyof Limits): number =>
  all.reduce((smallest, limits) => Math.min(smallest, limits[field] ?? Infinity), Infinity);

/** Whether one of the patterns allows everything that `pattern` allows: a star of it is only ever met by a star. */
const covers = (held: readonly string[], pattern: string): boolean =>
  modelAllowed({ allowedModels: [held] }, [pattern]);
