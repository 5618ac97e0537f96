import type { IncomingMessage } from 'node:http';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { AccessService, AdminKey, presentedKey } from '../access';
import { PermissionDeniedError } from '../core/errors';

/** Lets in the admin key and keys with the scope `management`; 401 for no good key, 403 for a key without the scope. */
@Injectable()
export class ManagementGuard implements CanActivate {
  constructor(
    private readonly adminKey: AdminKey,
    private readonly access: AccessService,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const key = presentedKey(execution.switchToHttp().getRequest<IncomingMessage>().headers);
    if (key !== undefined && this.adminKey.matches(key)) return true;
    const identity = await this.access.authenticate(key);
    if (identity.scopes.includes('management')) return true;
    throw new PermissionDeniedError(
      'This key may not manage the gateway: use the admin key, or a key with the scope "management".',
    );
  }
}
