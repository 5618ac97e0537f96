import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { PermissionDeniedError } from '../core/errors';
import { clientAddress } from '../platform/http/client-address';
import { CALLER } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Callers } from './authority/callers';
import { mayDo, type Permission } from './authority/permissions';
import { PERMISSION } from './authority/permit.decorator';

/** Who calls the management API, and does their role include this? */
@Injectable()
export class ManagementGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly callers: Callers,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const request = execution.switchToHttp().getRequest<Request & { [CALLER]?: Caller }>();
    const caller = await this.callers.of(request.headers);
    const permission = this.reflector.get<Permission | undefined>(PERMISSION, execution.getHandler());
    request[CALLER] = { ...caller, address: clientAddress(request) };
    if (permission !== undefined && mayDo(caller.role, permission)) return true;
    throw new PermissionDeniedError(
      `The role ${caller.role} does not include this. Ask an administrator if you need it.`,
    );
  }
}
