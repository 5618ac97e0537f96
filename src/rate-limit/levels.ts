import type { Identity, Limits } from '../core/context';
import type { LimitsConfig, RateLimitConfig } from './rate-limit.config';

export const LIMIT_SCOPES = ['key', 'user', 'team', 'department', 'organization', 'model'] as const;
export type LimitScope = (typeof LIMIT_SCOPES)[number];

/** A gateway serves one organisation; this is its id where one is asked for. */
export const ORGANIZATION_ID = 'main';

/** One level that limits a request. */
export interface Level {
  readonly scope: LimitScope;
  readonly id: string;
  /** For people: `team "search"`. */
  readonly label: string;
  readonly limits: Limits;
}

/** The key of a level's counter or slot in the store. */
export const storeKey = (kind: 'requests' | 'tokens' | 'slots', scope: LimitScope, id: string): string =>
  `${kind[0]}:${scope}:${id}`;

export function fromConfig(limits: LimitsConfig | undefined): Limits {
  return {
    ...(limits?.requests_per_minute === undefined ? {} : { requestsPerMinute: limits.requests_per_minute }),
    ...(limits?.tokens_per_minute === undefined ? {} : { tokensPerMinute: limits.tokens_per_minute }),
    ...(limits?.max_concurrency === undefined ? {} : { maxConcurrency: limits.max_concurrency }),
  };
}

/** The limits of a key: its own, and for what it leaves open those of `rate_limits.default`. */
export const limitsOfKey = (own: Limits | null, config: RateLimitConfig): Limits => ({
  ...fromConfig(config.default),
  ...own,
});

/** The limits of a model for all callers together; null when it has none. */
export const limitsOfModel = (model: string, config: RateLimitConfig): Limits | null =>
  Object.hasOwn(config.models, model) ? fromConfig(config.models[model]) : null;

/** Every level of a model that has limits: written as `provider/model` it is the model too. */
export function levelsOfModel(model: string, config: RateLimitConfig): Level[] {
  const slash = model.indexOf('/');
  const names = slash < 0 ? [model] : [model, model.slice(slash + 1)];
  return names.map((name) => level('model', name, name, limitsOfModel(name, config))).filter((found) => found !== null);
}

/** The limits of all callers together. */
export const limitsOfOrganization = (config: RateLimitConfig): Limits => fromConfig(config.organization);

/** Every level of the caller that has a limit, from the key up. */
export function levelsOfCaller(identity: Identity, config: RateLimitConfig): Level[] {
  const { limits } = identity;
  const levels: (Level | null)[] = [
    level('key', identity.keyId, identity.keyName, limitsOfKey(limits.key, config)),
    identity.userId === null
      ? null
      : level('user', identity.userId, identity.userEmail ?? identity.userId, limits.user),
    level('team', identity.teamId, identity.teamName, limits.team),
    level('department', identity.departmentId, identity.departmentName, limits.department),
    level('organization', ORGANIZATION_ID, null, limitsOfOrganization(config)),
  ];
  return levels.filter((found) => found !== null);
}

/** @param name null when there is only one of its kind. */
export function level(scope: LimitScope, id: string, name: string | null, limits: Limits | null): Level | null {
  if (!limits || Object.keys(limits).length === 0) return null;
  return { scope, id, label: name === null ? `the ${scope}` : `${scope} "${name}"`, limits };
}
