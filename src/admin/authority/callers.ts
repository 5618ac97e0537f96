import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { AccessService, AdminKey, presentedKey, UsersService, type UserWithTeams } from '../../access';
import type { Identity } from '../../core/context';
import { InvalidApiKeyError, NotFoundError, PermissionDeniedError } from '../../core/errors';
import { ADMIN_KEY_CALLER, callerOfKey, callerOfServiceKey, type Caller } from './caller';

/** Who stands behind the key of a call. */
@Injectable()
export class Callers {
  constructor(
    private readonly adminKey: AdminKey,
    private readonly access: AccessService,
    private readonly users: UsersService,
  ) {}

  /** Throws `InvalidApiKeyError` for no good key, `PermissionDeniedError` for a key without the scope `management`. */
  async of(headers: IncomingHttpHeaders): Promise<Caller> {
    const key = presentedKey(headers);
    if (key !== undefined && this.adminKey.matches(key)) return ADMIN_KEY_CALLER;
    const identity = await this.access.authenticate(key);
    if (!identity.scopes.includes('management')) {
      throw new PermissionDeniedError(
        'This key may not manage the gateway: use the admin key, or a key with the scope "management".',
      );
    }
    return identity.userId === null ? callerOfServiceKey(identity) : this.person(identity.userId, identity);
  }

  private async person(userId: string, identity: Identity): Promise<Caller> {
    let user: UserWithTeams;
    try {
      user = await this.users.get(userId);
    } catch (error) {
      throw error instanceof NotFoundError ? new InvalidApiKeyError() : error;
    }
    if (user.disabledAt !== null) throw new InvalidApiKeyError();
    return callerOfKey(user, identity);
  }
}
