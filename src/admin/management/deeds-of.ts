import type { Deed } from '../audit/audit-log';

/** Puts what was done to rows of one kind into words: how the row was before and after, null where there was none. */
export const deedsOf =
  <Row extends { readonly id: string }>(labelOf: (row: Row) => string, view: (row: Row) => object) =>
  (action: string, before: Row | null, after: Row | null): Deed => {
    const row = after ?? before;
    return {
      action,
      targetId: row && row.id,
      targetLabel: row && labelOf(row),
      before: before && view(before),
      after: after && view(after),
    };
  };
