import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { KeysService, type ApiKey, type KeyChanges, type KeyFields, type KeyFilter, type NewKey } from '../../access';
import { PermissionDeniedError } from '../../core/errors';
import type { Page, PageRequest } from '../../core/page';
import { AuditLog } from '../audit/audit-log';
import { actorOf, type Caller } from '../authority/caller';
import { Reaches } from '../authority/reaches';
import { fromKey } from '../dtos/key.dto';
import { deedsOf } from './deeds-of';

const deedOf = deedsOf<ApiKey>(({ name }) => name, fromKey);

/** Keys, by people: each sees and changes what is theirs, gives away no more than they have, and is on record. */
@Injectable()
export class KeyManagement {
  constructor(
    private readonly keys: KeysService,
    private readonly reaches: Reaches,
    private readonly audit: AuditLog,
  ) {}

  list(caller: Caller, page: PageRequest, filter: Omit<KeyFilter, 'scope'>): Promise<Page<ApiKey>> {
    return this.keys.list(page, { ...filter, scope: caller.scope });
  }

  /** Somebody else's key is as good as none. */
  get(caller: Caller, id: string): Promise<ApiKey> {
    return this.keys.get(id, { scope: caller.scope });
  }

  create(caller: Caller, fields: KeyFields): Promise<NewKey> {
    requireScopes(caller, fields);
    return this.audit.change(actorOf(caller), async (manager) => {
      await this.reaches.requireGrant(caller, fields, manager);
      const made = await this.keys.create(fields, manager);
      return { result: made, deed: deedOf('key.create', null, made.key) };
    });
  }

  update(caller: Caller, id: string, changes: KeyChanges): Promise<ApiKey> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const before = await this.controlled(caller, id, manager);
      const wanted = { ...grantedBy(before), ...changes };
      requireScopes(caller, wanted);
      await this.reaches.requireGrant(caller, wanted, manager);
      const after = await this.keys.update(id, changes, manager);
      return { result: after, deed: deedOf(actionOf(changes), before, after) };
    });
  }

  /** One's own key comes back as it was; somebody else's, for whom the caller answers, is a grant like a new one. */
  rotate(caller: Caller, id: string, graceSeconds: number): Promise<NewKey> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const before = await this.controlled(caller, id, manager);
      if (before.userId !== caller.userId) await this.reaches.requireGrant(caller, before, manager);
      const rotated = await this.keys.rotate(id, graceSeconds, manager);
      return { result: rotated, deed: deedOf('key.rotate', before, rotated.key) };
    });
  }

  /** Ends it everywhere within a second. */
  revoke(caller: Caller, id: string): Promise<void> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const before = await this.controlled(caller, id, manager);
      await this.keys.revoke(id, manager);
      return { result: undefined, deed: deedOf('key.revoke', before, null) };
    });
  }

  /** A key that the caller may change. One that manages the gateway answers to its person, and to administrators. */
  private async controlled(caller: Caller, id: string, manager: EntityManager): Promise<ApiKey> {
    const key = await this.keys.get(id, { scope: caller.scope, manager });
    requireScopes(caller, key);
    return key;
  }
}

/** Switching a key off or on is told by its own word, so that the log can be searched for it. */
function actionOf({ disabled }: KeyChanges): string {
  if (disabled === undefined) return 'key.update';
  return disabled ? 'key.disable' : 'key.enable';
}

const grantedBy = ({ teamId, userId, limits, allowedModels, scopes }: ApiKey) => ({
  teamId,
  userId,
  limits,
  allowedModels,
  scopes,
});

function requireScopes(caller: Caller, { scopes, userId }: Pick<KeyFields, 'scopes' | 'userId'>): void {
  if (caller.role === 'admin' || !scopes.includes('management')) return;
  if (userId !== null && userId === caller.userId) return;
  throw new PermissionDeniedError(
    'A key with the scope "management" has the role of its user: you can make and change your own only.',
    'permission_denied',
    'scopes',
  );
}
