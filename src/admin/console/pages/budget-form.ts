import type { Degradation, StandingBudget } from '../../../billing';
import { InvalidRequestError } from '../../../core/errors';
import { formatUsd } from '../../../core/money';
import { compactOf, endOfDay, namesOf, textOf, type Query } from './fields';

const PERCENT = /^(\d{1,4}(?:\.\d+)?)\s*%?$/;
const STEPS = ['warn_at', 'cheaper_at', 'cache_only_at', 'block_at'] as const;

/** A new budget as the management API takes it. */
export function fieldsOf(form: Query): Query {
  const [scope, scopeId] = (textOf(form, 'owner') ?? 'organization').split(':');
  return compactOf({
    name: textOf(form, 'name'),
    scope,
    scope_id: scopeId,
    limit_usd: amountOf(form, 'limit_usd'),
    period: textOf(form, 'period') ?? 'month',
    timezone: textOf(form, 'timezone'),
    hard: form['hard'] !== undefined,
    alerts: alertsOf(form),
    models: namesOf(form, 'models'),
    degrade: stepsOf(form),
  });
}

/** What a form changes of a budget. */
export const changesOf = (form: Query): Query => ({
  name: textOf(form, 'name') ?? '',
  limit_usd: amountOf(form, 'limit_usd'),
  hard: form['hard'] !== undefined,
  alerts: alertsOf(form) ?? [],
  models: namesOf(form, 'models') ?? null,
  degrade: stepsOf(form) ?? null,
});

/** What there is of a budget, as the form that changes it has it. */
export const valuesOf = (budget: StandingBudget): Query => ({
  name: budget.name,
  limit_usd: formatUsd(budget.limitNanoUsd),
  alerts: budget.alerts.map(percentOf).join(', '),
  models: budget.models?.join(', '),
  ...(budget.hard ? { hard: 'true' } : {}),
  ...stepValues(budget.degrade),
});

/** A top-up; it ends with the day that was chosen (UTC). */
export const topUpOf = (form: Query): Query => ({
  amount_usd: amountOf(form, 'amount_usd'),
  expires_at: endOfDay(textOf(form, 'expires_at')) ?? '',
  reason: textOf(form, 'reason') ?? '',
});

export const percentOf = (share: number): string => `${Number((share * 100).toFixed(2))}%`;

/** `$1,250.50` as `1250.50`. */
const amountOf = (form: Query, name: string): string => (textOf(form, name) ?? '').replace(/[$,\s]/g, '');

/** `50, 80 %, 100` as fractions. Throws `InvalidRequestError`. */
function alertsOf(form: Query): number[] | undefined {
  return namesOf(form, 'alerts')
    ?.filter((text) => text !== '%')
    .map((text) => {
      const share = shareOf(text);
      if (share !== null) return share;
      throw new InvalidRequestError('Alerts are shares of the limit in percent, for example 50, 80, 100.', 'alerts');
    });
}

/** The steps that were filled in; absent when none was. Throws `InvalidRequestError`. */
function stepsOf(form: Query): Query | undefined {
  const steps = compactOf({
    ...Object.fromEntries(STEPS.map((name) => [name, stepOf(form, name)])),
    cheaper_model: textOf(form, 'cheaper_model'),
  });
  return Object.keys(steps).length === 0 ? undefined : steps;
}

function stepOf(form: Query, name: string): number | undefined {
  const text = textOf(form, name);
  const share = text === undefined ? undefined : shareOf(text);
  if (share !== null) return share;
  throw new InvalidRequestError('A step is a share of the limit in percent, for example 80.', `degrade.${name}`);
}

const stepValues = (degrade: Degradation | null): Query =>
  compactOf({
    ...Object.fromEntries(
      STEPS.map((name) => [name, degrade?.[name] === undefined ? undefined : percentOf(degrade[name])]),
    ),
    cheaper_model: degrade?.cheaper_model,
  });

/** `80` or `80 %` as a fraction; null: neither. */
function shareOf(text: string): number | null {
  const percent = PERCENT.exec(text)?.[1];
  return percent === undefined ? null : Number(percent) / 100;
}
