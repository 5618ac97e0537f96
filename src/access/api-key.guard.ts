import type { IncomingMessage } from 'node:http';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { GatewayContext, Identity } from '../core/context';
import { PermissionDeniedError } from '../core/errors';
import { RequestContexts } from '../platform/http/request-contexts';
import { AccessService } from './access.service';
import { presentedKey } from './presented-key';

/** Who is it? Refuses with 401, or with 403 when the key is for the management API only. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly access: AccessService,
  ) {}

  canActivate(execution: ExecutionContext): boolean | Promise<boolean> {
    const context = this.contexts.from(execution);
    const request = execution.switchToHttp().getRequest<IncomingMessage>();
    const identity = this.access.authenticate(presentedKey(request.headers));
    return identity instanceof Promise ? identity.then((found) => accept(context, found)) : accept(context, identity);
  }
}

function accept(context: GatewayContext, identity: Identity): boolean {
  if (!identity.scopes.includes('inference'))
    throw new PermissionDeniedError('This key has no scope "inference": use another, or add the scope.');
  context.identity = identity;
  context.decide('access', 'authenticated', { key: identity.keyId, team: identity.teamId });
  return true;
}
