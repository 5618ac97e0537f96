import { createHmac } from 'node:crypto';

/** What somebody did, as it is kept. Times in whole milliseconds; `before` and `after` are JSON without secrets. */
export interface AuditEntry {
  /** 1, 2, 3 … without a gap. */
  readonly sequence: number;
  readonly id: string;
  readonly at: Date;
  readonly actorKind: string;
  readonly actorId: string | null;
  readonly actorLabel: string;
  readonly address: string | null;
  readonly action: string;
  readonly targetType: string;
  readonly targetId: string | null;
  readonly targetLabel: string | null;
  readonly before: unknown;
  readonly after: unknown;
}

/** All but what it was before and after, in the order in which they are hashed and stored. */
export const factsOf = (entry: AuditEntry): (string | number | Date | null)[] => [
  entry.sequence,
  entry.id,
  entry.at,
  entry.actorKind,
  entry.actorId,
  entry.actorLabel,
  entry.address,
  entry.action,
  entry.targetType,
  entry.targetId,
  entry.targetLabel,
];

/** An HMAC over the entry and the hash before it: without the gateway's secret nobody can mend the chain after a change. */
export function hashOf(key: Buffer, previous: Buffer, entry: AuditEntry): Buffer {
  const facts = factsOf(entry).map((fact) => (fact instanceof Date ? fact.getTime() : fact));
  const fields = [...facts, sorted(entry.before), sorted(entry.after)];
  return createHmac('sha256', key).update(previous).update(JSON.stringify(fields)).digest();
}

/** Over what the last entry is: a copy of another entry's hash does not pass for it. */
export const sealOf = (key: Buffer, sequence: number, hash: Buffer): Buffer =>
  createHmac('sha256', key).update(`head ${sequence} `).update(hash).digest();

/** The database keeps JSON with its names in an order of its own. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return fields.sort(([left], [right]) => (left < right ? -1 : 1)).map(([name, inner]) => [name, sorted(inner)]);
}
