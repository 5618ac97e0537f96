import { Injectable, type ExecutionContext } from '@nestjs/common';
import { ThrottlerGuard } from '@nestjs/throttler';

/** One count for all of the management API from one address: guessing a key is no faster over many routes. */
@Injectable()
export class ManagementThrottlerGuard extends ThrottlerGuard {
  protected override generateKey(_context: ExecutionContext, tracker: string): string {
    return `management:${tracker}`;
  }
}
