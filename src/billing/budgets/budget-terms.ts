import type { Identity, TargetName } from '../../core/context';
import type { NanoUsd } from '../../core/money';
import type { BudgetPeriod, BudgetScope } from '../budgets.config';

/** Shares of the limit at which something changes before it is used up; those left out never come. */
export interface Degradation {
  readonly warn_at?: number;
  readonly cheaper_at?: number;
  readonly cheaper_model?: string;
  readonly cache_only_at?: number;
  readonly block_at?: number;
}

/** A budget as requests meet it. Frozen; replaced when the budget is changed. */
export interface BudgetTerms {
  readonly id: string;
  readonly name: string;
  readonly scope: BudgetScope;
  readonly scopeId: string | null;
  readonly limitNanoUsd: NanoUsd;
  readonly period: BudgetPeriod;
  readonly hard: boolean;
  /** Names or patterns; null: every model counts. */
  readonly models: readonly string[] | null;
  readonly degrade?: Degradation | null;
}

/** The call that is to be paid. */
export interface PaidCall extends TargetName {
  /** The name that the client asked for. */
  readonly requestedModel: string | null;
}

/** The budgets that pay for one call. */
export interface Payers {
  readonly hard: readonly BudgetTerms[];
  readonly soft: readonly BudgetTerms[];
}

/** What is wrong with a ladder, continuing the name of the field; null: nothing. */
export function whyNoLadder(
  degrade: Degradation,
): { readonly field: keyof Degradation; readonly message: string } | null {
  const order = ['warn_at', 'cheaper_at', 'cache_only_at', 'block_at'] as const;
  const stated = order.filter((field) => degrade[field] !== undefined);
  if (stated.length === 0) return { field: 'warn_at', message: 'or another step is required; remove degrade for none' };
  const early = stated.find((field, index) => index > 0 && (degrade[field] ?? 0) < (degrade[stated[index - 1]!] ?? 0));
  if (early)
    return {
      field: early,
      message: `must not come before the steps ${order.slice(0, order.indexOf(early)).join(', ')}`,
    };
  if (degrade.cheaper_at !== undefined && degrade.cheaper_model === undefined)
    return { field: 'cheaper_model', message: 'is required with cheaper_at; name a model that clients may ask for' };
  return null;
}

export const NO_PAYERS: Payers = Object.freeze({ hard: Object.freeze([]), soft: Object.freeze([]) });

/** Whose budget it is, in words: `team budget "search"`. */
export const describeBudget = ({ scope, name }: BudgetTerms): string => `${scope} budget "${name}"`;

export const scopeIdOf: Readonly<Record<BudgetScope, (identity: Identity) => string | null>> = {
  organization: () => null,
  department: (identity) => identity.departmentId,
  team: (identity) => identity.teamId,
  user: (identity) => identity.userId,
  key: (identity) => identity.keyId,
};
