import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { RequestContexts } from '../platform/http/request-contexts';
import { RateLimitService } from './rate-limit.service';

/** Takes what the request needs at every level, or refuses it with 429. */
@Injectable()
export class RateLimitGuard implements CanActivate {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly limits: RateLimitService,
  ) {}

  canActivate(execution: ExecutionContext): true | Promise<true> {
    const asking = this.limits.admit(this.contexts.from(execution));
    return asking === null || asking.then(() => true);
  }
}
