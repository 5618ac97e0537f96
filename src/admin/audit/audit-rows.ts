import type { AuditEntry } from './audit-chain';

/** The columns of `AuditRow`. */
export const AUDIT_COLUMNS = `sequence, id, at, actor_kind, actor_id, actor_label, address, action, target_type,
  target_id, target_label, before, after, hash`;

/** An entry as the driver hands it over. */
export interface AuditRow {
  readonly sequence: string;
  readonly id: string;
  readonly at: Date;
  readonly actor_kind: string;
  readonly actor_id: string | null;
  readonly actor_label: string;
  readonly address: string | null;
  readonly action: string;
  readonly target_type: string;
  readonly target_id: string | null;
  readonly target_label: string | null;
  readonly before: unknown;
  readonly after: unknown;
  readonly hash: Buffer;
}

export const entryOf = (row: AuditRow): AuditEntry => ({
  sequence: Number(row.sequence),
  id: row.id,
  at: row.at,
  actorKind: row.actor_kind,
  actorId: row.actor_id,
  actorLabel: row.actor_label,
  address: row.address,
  action: row.action,
  targetType: row.target_type,
  targetId: row.target_id,
  targetLabel: row.target_label,
  before: row.before,
  after: row.after,
});
