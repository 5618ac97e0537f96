import type { Type } from '@nestjs/common';
import type { Limits } from '../../../core/context';
import { GatewayError, InvalidRequestError } from '../../../core/errors';
import { DEFAULT_PAGE_SIZE, type PageRequest } from '../../../core/page';
import { managementValidation } from '../../management-validation';

export type Query = Readonly<Record<string, unknown>>;

const MAX_LENGTH = 512;
const DAY_MS = 24 * 60 * 60_000;

/** One value of a query or a form: trimmed, not empty, not endless. Refuses NUL, which PostgreSQL cannot even look for. */
export function textOf(query: Query, name: string): string | undefined {
  const value = query[name];
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (text.includes('\0')) throw new InvalidRequestError(`${name} must not hold control characters.`, name);
  return text === '' ? undefined : text.slice(0, MAX_LENGTH);
}

export function listOf(form: Query, name: string): string[] {
  const value = form[name];
  const all: unknown[] = Array.isArray(value) ? value : [value];
  return all
    .filter((item): item is string => typeof item === 'string' && item.trim() !== '')
    .map((item) => item.trim());
}

/** `gpt-4o, claude-*` as a list; absent when nothing was typed. */
export function namesOf(form: Query, name: string): string[] | undefined {
  const text = textOf(form, name);
  return text?.split(/[\s,]+/).filter((item) => item !== '');
}

const isDay = (text: string | undefined): text is string => text !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(text);

/** Days that are meant whole (UTC), the last one too. What is no day is handed on as it came, so that its rule can say so. */
export const wholeDays = ({ from, to }: { from?: string | undefined; to?: string | undefined }) => ({
  from: isDay(from) ? `${from}T00:00:00Z` : from,
  to: isDay(to) && !Number.isNaN(Date.parse(to)) ? new Date(Date.parse(to) + DAY_MS).toISOString() : to,
});

/** The end of a day that was chosen, in UTC. */
export const endOfDay = (text: string | undefined): string | undefined => (isDay(text) ? `${text}T23:59:59Z` : text);

export function pageOf(query: Query): PageRequest {
  return { limit: DEFAULT_PAGE_SIZE, cursor: textOf(query, 'cursor') ?? null };
}

/** A whole number of a form; what is no number is handed on as it came, so that its rule can say so. */
export function numberOf(form: Query, name: string): number | string | undefined {
  const text = textOf(form, name);
  if (text === undefined) return undefined;
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** Limits of a form; absent when none was typed. */
export function limitsOf(form: Query): Record<string, unknown> | undefined {
  const limits = compactOf({
    requests_per_minute: numberOf(form, 'requests_per_minute'),
    tokens_per_minute: numberOf(form, 'tokens_per_minute'),
    max_concurrency: numberOf(form, 'max_concurrency'),
  });
  return Object.keys(limits).length === 0 ? undefined : limits;
}

/** Limits as a form shows them. */
export const limitValues = (limits: Limits | null): Query => ({
  requests_per_minute: limits?.requestsPerMinute,
  tokens_per_minute: limits?.tokensPerMinute,
  max_concurrency: limits?.maxConcurrency,
});

export const compactOf = (values: Query): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

const validation = managementValidation();

/** Holds a form against the rules that the management API has for the same thing. */
export async function checked<T extends object>(type: Type<T>, values: Query): Promise<T> {
  return (await validation.transform(compactOf(values), { type: 'body', metatype: type })) as T;
}

export interface Problem {
  readonly message: string;
  /** Problems by the name of their field, to be shown beside it. */
  readonly fields: Readonly<Record<string, string>>;
}

/** What a form shows of an error; throws what is not the form's fault. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof GatewayError) || !isToldBeside(error)) throw error;
  const { param } = error;
  const message = capital(error.message);
  if (param === null) return { message, fields: {} };
  const field = param.split(/[.[]/).at(/^(limits|degrade)\./.test(param) ? 1 : 0) ?? param;
  return { message, fields: { [field]: message.replaceAll('_', ' ') } };
}

/** Who may fill in the form at all is told as well which field reaches too far. */
const isToldBeside = ({ status, param }: GatewayError): boolean =>
  status === 400 || status === 409 || (status === 403 && param !== null);

const capital = (message: string): string => message.charAt(0).toUpperCase() + message.slice(1);
