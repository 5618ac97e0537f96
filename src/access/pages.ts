import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { InvalidRequestError } from '../core/errors';
import type { IdPrefix } from '../core/ids';
import { toPage, type Page, type PageRequest } from '../core/page';

const ID_TAIL = /_[0-9a-z]{26}$/;

/** Fetches one page of `query`, newest first. Throws `InvalidRequestError` for a cursor that is no id of this kind. */
export async function fetchPage<T extends ObjectLiteral & { id: string }>(
  query: SelectQueryBuilder<T>,
  prefix: IdPrefix,
  { limit, cursor }: PageRequest,
): Promise<Page<T>> {
  const id = `${query.alias}.id`;
  if (cursor !== null) {
    if (!cursor.startsWith(`${prefix}_`) || !ID_TAIL.test(cursor)) {
      throw new InvalidRequestError(
        'cursor is not one that this list gave out: pass next_cursor as it came.',
        'cursor',
      );
    }
    query.andWhere(`${id} < :cursor`, { cursor });
  }
  const rows = await query
    .orderBy(id, 'DESC')
    .take(limit + 1)
    .getMany();
  return toPage(rows, limit, (row) => row.id);
}
