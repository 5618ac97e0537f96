import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import type { Identity, Limits } from '../core/context';
import { tightestLimits } from './tightest-limits';

/** A key as the database knows it, with what stands above it. */
export interface StoredKey {
  readonly identity: Identity;
  readonly hmac: Buffer;
  /** Wall clock; the row says "never" with `Infinity`. */
  readonly expiresAtMs: number;
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly hmac: Buffer;
  readonly expires_at: Date | null;
  readonly scopes: string[];
  readonly limits: Limits | null;
  readonly allowed_models: string[] | null;
  readonly user_id: string | null;
  readonly user_email: string | null;
  readonly user_limits: Limits | null;
  readonly user_models: string[] | null;
  readonly team_id: string;
  readonly team_name: string;
  readonly team_limits: Limits | null;
  readonly team_own_limits: Limits | null;
  readonly team_models: string[] | null;
  readonly team_stores_content: boolean;
  readonly department_id: string;
  readonly department_name: string;
  readonly department_limits: Limits | null;
}

/** `least` skips nulls, so a rotated key ends with its grace or with the key, whichever comes first. */
const FIND = `
  select k.id, k.name, k.scopes, k.limits, k.allowed_models,
    case when k.public_id = $1 then k.hmac else k.previous_hmac end as hmac,
    case when k.public_id = $1 then k.expires_at else least(k.expires_at, k.previous_expires_at) end as expires_at,
    u.id as user_id, u.email as user_email, u.limits as user_limits, u.allowed_models as user_models,
    t.id as team_id, t.name as team_name, t.limits as team_limits,
    t.own_limits as team_own_limits, t.allowed_models as team_models,
    t.stores_content as team_stores_content,
    d.id as department_id, d.name as department_name, d.limits as department_limits
  from api_keys k
  join teams t on t.id = k.team_id
  join departments d on d.id = t.department_id
  left join users u on u.id = k.user_id
  where (k.public_id = $1 or k.previous_public_id = $1) and k.revoked_at is null
    and k.disabled_at is null and u.disabled_at is null`;

const TOUCH = `
  update api_keys k set last_used_at = greatest(k.last_used_at, used.at)
  from unnest($1::text[], $2::timestamptz[]) as used (id, at) where k.id = used.id`;

/** The two statements behind the authentication of requests. */
@Injectable()
export class KeyRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** The live key with this public id, or null. */
  async find(publicId: string): Promise<StoredKey | null> {
    const [row] = await this.dataSource.query<Row[]>(FIND, [publicId]);
    if (!row) return null;
    return { identity: identityOf(row), hmac: row.hmac, expiresAtMs: row.expires_at?.getTime() ?? Infinity };
  }

  /** Records when keys were last used. */
  async touch(usedAtMs: ReadonlyMap<string, number>): Promise<void> {
    if (usedAtMs.size === 0) return;
    const times = [...usedAtMs.values()].map((milliseconds) => new Date(milliseconds).toISOString());
    await this.dataSource.query(TOUCH, [[...usedAtMs.keys()], times]);
  }
}

function identityOf(row: Row): Identity {
  const lists = [row.allowed_models, row.user_models, row.team_models].filter((list) => list !== null);
  return Object.freeze({
    keyId: row.id,
    keyName: row.name,
    userId: row.user_id,
    userEmail: row.user_email,
    teamId: row.team_id,
    teamName: row.team_name,
    departmentId: row.department_id,
    departmentName: row.department_name,
    allowedModels: lists.length === 0 ? null : Object.freeze(lists),
    limits: Object.freeze({
      key: row.limits,
      user: row.user_limits,
      team: tightestLimits(row.team_limits, row.team_own_limits),
      department: row.department_limits,
    }),
    scopes: Object.freeze(row.scopes),
    storesContent: row.team_stores_content,
  });
}
