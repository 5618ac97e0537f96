import type { Identity, TargetName } from '../../core/context';
import type { NanoUsd } from '../../core/money';
import type { BudgetPeriod, BudgetScope } from '../budgets.config';

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
