/** Where a request stands in a distributed trace (W3C Trace Context, level 1). */
export interface TraceContext {
  /** 32 hex digits: of the whole trace. */
  readonly traceId: string;
  /** 16 hex digits: the caller's own part of it. */
  readonly parentId: string;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const NOTHING = /^0+$/;

/** Null for anything that is no `traceparent`: such a header is to be passed over, as the standard wants it. */
export function parseTraceparent(text: string | undefined): TraceContext | null {
  const match = text === undefined || text.length > 256 ? null : TRACEPARENT.exec(text);
  if (!match) return null;
  const [, version = 'ff', traceId = '', parentId = '', more] = match;
  // Version 00 has exactly four parts; ff is no version; a later one may have more parts.
  if (version === 'ff' || (version === '00' && more !== undefined)) return null;
  return NOTHING.test(traceId) || NOTHING.test(parentId) ? null : { traceId, parentId };
}
