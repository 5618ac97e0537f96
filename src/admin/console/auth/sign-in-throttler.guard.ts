import { Injectable, type ExecutionContext } from '@nestjs/common';
import { ThrottlerGuard } from '@nestjs/throttler';

/** Counts passwords that are tried from one address, over all accounts and replicas. Each account has its own wait beside it. */
@Injectable()
export class SignInThrottlerGuard extends ThrottlerGuard {
  protected override generateKey(_context: ExecutionContext, tracker: string): string {
    return `sign-in:${tracker}`;
  }
}
