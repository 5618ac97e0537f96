import type { ApiKey } from '../../../access';
import { showDay } from '../render/format';
import { endOfDay, limitsOf, limitValues, namesOf, textOf, type Query } from './fields';

/** What a key may be for, as the management API lists it. */
export const SCOPES = [
  { value: 'inference', label: 'Call models' },
  { value: 'management', label: 'Use the management API' },
  { value: 'inference,management', label: 'Both' },
];

export const purposesOf = ({ scopes }: ApiKey): string =>
  scopes.map((scope) => SCOPES.find(({ value }) => value === scope)?.label ?? scope).join(' · ');

/** What a form says of a key, new or not. */
export const termsOf = (form: Query): Query => ({
  name: textOf(form, 'name') ?? '',
  expires_at: endOfDay(textOf(form, 'expires_at')),
  limits: limitsOf(form),
  allowed_models: namesOf(form, 'allowed_models'),
});

/** What is empty in the form is taken away; a key that ends within its day goes on ending then. */
export function changesOf(form: Query, key: ApiKey): Query {
  const { name, expires_at: expires, limits, allowed_models: models } = termsOf(form);
  const isSameDay = textOf(form, 'expires_at') === valuesOf(key)['expires_at'];
  return {
    name,
    limits: limits ?? null,
    allowed_models: models ?? null,
    ...(isSameDay ? {} : { expires_at: expires ?? null }),
  };
}

export const valuesOf = (key: ApiKey): Query => ({
  name: key.name,
  expires_at: key.expiresAt === null ? undefined : showDay(key.expiresAt),
  allowed_models: key.allowedModels?.join(', '),
  ...limitValues(key.limits),
});
