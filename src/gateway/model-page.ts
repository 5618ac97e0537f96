import { InvalidRequestError } from '../core/errors';

/** The members of a query that choose a page; what else is in it is not looked at. */
export type PageQuery = Readonly<Record<string, unknown>>;

export interface ModelPage {
  readonly names: readonly string[];
  /** Whether more follow in the direction that was asked for. */
  readonly hasMore: boolean;
}

const MOST_MODELS = 1000;

/**
 * A page of names as Anthropic's list of models pages: `limit` (1 to 1000; without it all), `after_id` or `before_id`.
 * Throws an InvalidRequestError that names the parameter.
 */
export function modelPage(names: readonly string[], query: PageQuery): ModelPage {
  const limit = limitOf(query['limit']);
  const after = positionOf(names, query, 'after_id');
  const before = positionOf(names, query, 'before_id');
  if (after !== undefined && before !== undefined)
    throw new InvalidRequestError('Send after_id or before_id, not both.', 'before_id');
  const rest = names.slice(after === undefined ? 0 : after + 1, before);
  const page = before === undefined ? rest.slice(0, limit) : rest.slice(-limit);
  return { names: page, hasMore: page.length < rest.length };
}

function limitOf(value: unknown): number {
  if (value === undefined) return Infinity;
  const limit = typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || limit > MOST_MODELS)
    throw new InvalidRequestError(`limit must be a whole number from 1 to ${MOST_MODELS}.`, 'limit');
  return limit;
}

function positionOf(names: readonly string[], query: PageQuery, field: string): number | undefined {
  const value = query[field];
  if (value === undefined) return undefined;
  const position = typeof value === 'string' ? names.indexOf(value) : -1;
  if (position < 0)
    throw new InvalidRequestError(
      `${field} must be the id of a model that this key may use, as GET /v1/models lists it.`,
      field,
    );
  return position;
}
