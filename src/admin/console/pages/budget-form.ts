import { InvalidRequestError } from '../../../core/errors';
import { compactOf, namesOf, textOf, type Query } from './fields';

const ALERT = /^(\d{1,4}(?:\.\d+)?)\s*%?$/;

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
  });
}

/** What a form changes of a budget. */
export const changesOf = (form: Query): Query =>
  compactOf({
    name: textOf(form, 'name'),
    limit_usd: amountOf(form, 'limit_usd'),
    hard: form['hard'] !== undefined,
    alerts: alertsOf(form),
    models: namesOf(form, 'models') ?? null,
  });

/** A top-up; it ends with the day that was chosen (UTC). */
export function topUpOf(form: Query): Query {
  const day = textOf(form, 'expires_at');
  return {
    amount_usd: amountOf(form, 'amount_usd'),
    expires_at: day !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(day) ? `${day}T23:59:59Z` : (day ?? ''),
    reason: textOf(form, 'reason') ?? '',
  };
}

/** `$1,250.50` as `1250.50`. */
const amountOf = (form: Query, name: string): string => (textOf(form, name) ?? '').replace(/[$,\s]/g, '');

/** `50, 80 %, 100` as fractions. Throws `InvalidRequestError`. */
function alertsOf(form: Query): number[] | undefined {
  return namesOf(form, 'alerts')
    ?.filter((text) => text !== '%')
    .map((text) => {
      const share = ALERT.exec(text)?.[1];
      if (share !== undefined) return Number(share) / 100;
      throw new InvalidRequestError('Alerts are shares of the limit in percent, for example 50, 80, 100.', 'alerts');
    });
}
