import { hkdfSync } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { newId } from '../../core/ids';
import { Clock } from '../../platform/clock';
import { Secrets } from '../../platform/secrets/secrets';
import { factsOf, hashOf, sealOf, type AuditEntry } from './audit-chain';
import { masked } from './masked';

/** Who did it. */
export interface Actor {
  readonly kind: string;
  readonly id: string | null;
  readonly label: string;
  readonly address: string | null;
}

/** What was done to what. */
export interface Deed {
  /** `key.rotate`: the kind of the target and the verb. */
  readonly action: string;
  readonly targetId: string | null;
  readonly targetLabel: string | null;
  /** Null: it did not exist. */
  readonly before: object | null;
  /** Null: it does not exist any more. */
  readonly after: object | null;
}

interface Head {
  readonly sequence: string;
  readonly hash: Buffer;
}

const SYSTEM: Actor = { kind: 'system', id: null, label: 'gateway', address: null };

const BEGINNING: Deed = { action: 'audit.begin', targetId: null, targetLabel: null, before: null, after: null };

const INSERT = `
  insert into audit_log (sequence, id, at, actor_kind, actor_id, actor_label, address, action, target_type, target_id,
    target_label, before, after, hash)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`;

/** The keyed chain of everything that was changed. Entries are only ever added. */
@Injectable()
export class AuditLog {
  readonly key: Buffer;

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly clock: Clock,
    secrets: Secrets,
  ) {
    this.key = Buffer.from(hkdfSync('sha256', secrets.apiKeyPepper, 'ai-gateway', 'audit log v1', 32));
  }

  /** Writes the first entry when there is none: from then on an empty log is one that somebody emptied. */
  async begin(): Promise<void> {
    await this.database.transaction(async (manager) => {
      const { sequence } = await lockHead(manager);
      if (Number(sequence) === 0) await this.append(manager, SYSTEM, BEGINNING);
    });
  }

  /** Makes a change and records it, both or neither. The work runs in the transaction that it is given. */
  change<T>(actor: Actor, work: (manager: EntityManager) => Promise<{ result: T; deed: Deed }>): Promise<T> {
    return this.database.transaction(async (manager) => {
      const { result, deed } = await work(manager);
      await this.append(manager, actor, deed);
      return result;
    });
  }

  /** For what is not in the database: a flushed cache, a reloaded file. */
  record(actor: Actor, deed: Deed): Promise<void> {
    return this.database.transaction((manager) => this.append(manager, actor, deed));
  }

  /** Last in its transaction: writers wait for each other from here to the end of it. */
  private async append(manager: EntityManager, actor: Actor, deed: Deed): Promise<void> {
    const head = await lockHead(manager);
    const now = this.clock.now();
    const entry: AuditEntry = {
      sequence: Number(head.sequence) + 1,
      id: newId('aud', now),
      at: new Date(now),
      actorKind: actor.kind,
      actorId: actor.id,
      actorLabel: actor.label,
      address: actor.address,
      action: deed.action,
      targetType: deed.action.split('.')[0] ?? '',
      targetId: deed.targetId,
      targetLabel: deed.targetLabel,
      before: masked(deed.before),
      after: masked(deed.after),
    };
    const hash = hashOf(this.key, head.hash, entry);
    await manager.query(INSERT, [...valuesOf(entry), hash]);
    await manager.query('update audit_head set sequence = $1, hash = $2, seal = $3', [
      entry.sequence,
      hash,
      sealOf(this.key, entry.sequence, hash),
    ]);
  }
}

async function lockHead(manager: EntityManager): Promise<Head> {
  const [head] = await manager.query<Head[]>('select sequence, hash from audit_head for update');
  if (!head) throw new Error('The audit log has no head: it was removed. See "npm run audit:verify".');
  return head;
}

const valuesOf = (entry: AuditEntry): unknown[] => [...factsOf(entry), jsonOf(entry.before), jsonOf(entry.after)];

const jsonOf = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));
