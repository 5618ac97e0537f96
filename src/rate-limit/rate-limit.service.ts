import { Injectable } from '@nestjs/common';
import type { GatewayContext } from '../core/context';

/** Admission by requests and tokens a minute. No limit is enforced yet, and the decision trace says so. */
@Injectable()
export class RateLimitService {
  admit(context: GatewayContext): Promise<void> {
    context.decide('rate_limit', 'not_enforced');
    return Promise.resolve();
  }
}
