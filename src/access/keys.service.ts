import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, Repository, type EntityManager } from 'typeorm';
import type { Limits } from '../core/context';
import { InvalidRequestError, NotFoundError } from '../core/errors';
import { newId } from '../core/ids';
import type { Page, PageRequest } from '../core/page';
import { EVERYBODY, isWithin, type Scope } from '../core/scope';
import { Clock } from '../platform/clock';
import { Secrets } from '../platform/secrets/secrets';
import { generateApiKey, hmacOfKey } from './api-key';
import { ApiKey, type KeyScope } from './entities/api-key.entity';
import { fetchPage } from './pages';
import { explaining, invalid } from './persistence-errors';
import type { Reading } from './reading';

export interface KeyFields {
  readonly name: string;
  readonly userId: string | null;
  readonly teamId: string;
  readonly expiresAt: Date | null;
  readonly limits: Limits | null;
  readonly allowedModels: string[] | null;
  readonly scopes: KeyScope[];
}

export interface KeyChanges extends Partial<Omit<KeyFields, 'userId' | 'teamId'>> {
  /** Switches the key off, or on again; when it already is, nothing changes. */
  readonly disabled?: boolean;
}

export interface KeyFilter {
  readonly teamId?: string | undefined;
  readonly userId?: string | undefined;
  /** Revoked keys are left out unless this is true. */
  readonly includeRevoked?: boolean | undefined;
  /** Absent: everybody's. */
  readonly scope?: Scope | undefined;
}

/** A key with its secret, which exists in this one answer and nowhere else. */
export interface NewKey {
  readonly key: ApiKey;
  readonly secret: string;
}

const MEANINGS = {
  fk_api_keys_team_id: invalid('There is no such team.', 'team_id'),
  fk_api_keys_user_id: invalid('There is no such user.', 'user_id'),
};

/** The keys of all teams. Changes work everywhere within a second. */
@Injectable()
export class KeysService {
  constructor(
    @InjectRepository(ApiKey) private readonly keys: Repository<ApiKey>,
    private readonly secrets: Secrets,
    private readonly clock: Clock,
  ) {}

  async create(fields: KeyFields, manager = this.manager): Promise<NewKey> {
    const now = this.clock.now();
    this.requireFuture(fields.expiresAt, now);
    const { key: secret, publicId } = generateApiKey();
    const hmac = hmacOfKey(this.secrets.apiKeyPepper, secret);
    const id = newId('key', now);
    await explaining(MEANINGS, () =>
      manager.insert(ApiKey, { ...fields, id, publicId, hmac, createdAt: new Date(now) }),
    );
    return { key: await this.get(id, { manager }), secret };
  }

  list(page: PageRequest, filter: KeyFilter = {}): Promise<Page<ApiKey>> {
    const query = this.keys.createQueryBuilder('key').where('true');
    if (filter.teamId !== undefined) query.andWhere('key.teamId = :teamId', { teamId: filter.teamId });
    if (filter.userId !== undefined) query.andWhere('key.userId = :userId', { userId: filter.userId });
    const { scope = EVERYBODY } = filter;
    if (scope.kind === 'teams') query.andWhere('key.teamId = any(:seen)', { seen: scope.teamIds });
    if (scope.kind === 'user') query.andWhere('key.userId = :own', { own: scope.userId });
    if (filter.includeRevoked !== true) query.andWhere('key.revokedAt is null');
    return fetchPage(query, 'key', page);
  }

  /** A key that has not been revoked. */
  async get(id: string, { manager = this.manager, scope = EVERYBODY }: Reading = {}): Promise<ApiKey> {
    const key = await manager.findOneBy(ApiKey, { id, revokedAt: IsNull() });
    if (!key || !isWithin(scope, key)) throw notFound(id);
    return key;
  }

  async update(id: string, changes: KeyChanges, manager = this.manager): Promise<ApiKey> {
    this.requireFuture(changes.expiresAt ?? null, this.clock.now());
    const { disabled, ...columns } = changes;
    if (Object.keys(columns).length > 0) await manager.update(ApiKey, { id, revokedAt: IsNull() }, columns);
    if (disabled !== undefined) await this.switch(id, disabled, manager);
    return this.get(id, { manager });
  }

  /** Gives the key a new secret. The one before works for `graceSeconds` more; one that was in its grace ends now. */
  async rotate(id: string, graceSeconds: number, manager = this.manager): Promise<NewKey> {
    const { key: secret, publicId } = generateApiKey();
    const until = new Date(this.clock.now() + graceSeconds * 1000);
    const { affected } = await manager
      .createQueryBuilder()
      .update(ApiKey)
      .set({
        publicId,
        hmac: hmacOfKey(this.secrets.apiKeyPepper, secret),
        previousPublicId: () => 'public_id',
        previousHmac: () => 'hmac',
        previousExpiresAt: until,
      })
      .where('id = :id and revoked_at is null', { id })
      .execute();
    if (affected === 0) throw notFound(id);
    return { key: await this.get(id, { manager }), secret };
  }

  /** Ends the key for good. */
  async revoke(id: string, manager = this.manager): Promise<void> {
    const revokedAt = new Date(this.clock.now());
    const { affected } = await manager.update(ApiKey, { id, revokedAt: IsNull() }, { revokedAt });
    if (affected === 0) throw notFound(id);
  }

  /** Since when it is off stays as it is for a key that is off already. */
  private async switch(id: string, isOff: boolean, manager: EntityManager): Promise<void> {
    const live = { id, revokedAt: IsNull() };
    if (!isOff) await manager.update(ApiKey, live, { disabledAt: null });
    else await manager.update(ApiKey, { ...live, disabledAt: IsNull() }, { disabledAt: new Date(this.clock.now()) });
  }

  private get manager(): EntityManager {
    return this.keys.manager;
  }

  private requireFuture(expiresAt: Date | null, now: number): void {
    if (expiresAt === null || expiresAt.getTime() > now) return;
    throw new InvalidRequestError('expires_at must be in the future. To end a key now, delete it.', 'expires_at');
  }
}

const notFound = (id: string): Error => new NotFoundError(`There is no key "${id}".`);
