import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { UsersService } from '../../../access';
import { NotFoundError, PermissionDeniedError } from '../../../core/errors';
import { clientAddress } from '../../../platform/http/client-address';
import { PERMISSION } from '../../authority/permit.decorator';
import { ConsoleSessions } from './console-sessions';
import { Csrf } from './csrf';
import { NotSignedInError } from './not-signed-in.error';
import { mayDo, type Permission } from '../../authority/permissions';
import { viewerOf, type Viewer } from './viewer';

/** The one door of the console: who is it, may they do this, and did the change come from a page of ours? */
@Injectable()
export class ConsoleGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly sessions: ConsoleSessions,
    private readonly csrf: Csrf,
    private readonly users: UsersService,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const http = execution.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response<unknown, { viewer?: Viewer }>>();
    const permission = this.reflector.get<Permission | undefined>(PERMISSION, execution.getHandler());
    const viewer = await this.viewer(request);
    if (viewer) response.locals.viewer = viewer;
    if (permission !== 'public' && !viewer) throw new NotSignedInError();
    if (request.method !== 'GET' && request.method !== 'HEAD') this.csrf.require(request);
    if (permission === 'public') return true;
    if (permission !== undefined && viewer && mayDo(viewer.role, permission)) return true;
    throw new PermissionDeniedError('Your role does not include this page. Ask an administrator if you need it.');
  }

  private async viewer(request: Request): Promise<Viewer | null> {
    const userId = this.sessions.userOf(request, request.query['live'] === undefined);
    if (userId === null) return null;
    try {
      const user = await this.users.get(userId);
      return user.disabledAt === null ? { ...viewerOf(user), address: clientAddress(request) } : null;
    } catch (error) {
      if (error instanceof NotFoundError) return null;
      throw error;
    }
  }
}
