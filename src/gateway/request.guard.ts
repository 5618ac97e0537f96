import type { IncomingMessage } from 'node:http';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { LiveConfig } from '../platform/config/live-config';
import { readBody } from '../platform/http/body-reader';
import { RequestContexts } from '../platform/http/request-contexts';
import { ServerConfig } from '../platform/http/server.config';
import { InferenceRequests } from './inference-requests';
import { RequestRecorder } from './request-recorder';

/** Reads the body once and makes the request of it: 400, 403, 404 or 413 when it may not go on. */
@Injectable()
export class RequestGuard implements CanActivate {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly recorder: RequestRecorder,
    private readonly requests: InferenceRequests,
    private readonly config: LiveConfig,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const request = execution.switchToHttp().getRequest<IncomingMessage>();
    const context = this.contexts.from(execution);
    this.recorder.track(context);
    const body = await readBody(request, this.config.section(ServerConfig).max_body_bytes);
    this.requests.open(context, request.headers, body);
    return true;
  }
}
