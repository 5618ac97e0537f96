import { Injectable, type ExecutionContext } from '@nestjs/common';
import { ThrottlerGuard } from '@nestjs/throttler';
import type { Request } from 'express';
import { clientAddress } from '../../../platform/http/client-address';

/** Counts passwords that are tried from one address, over all accounts and replicas. Each account has its own wait beside it. */
@Injectable()
export class SignInThrottlerGuard extends ThrottlerGuard {
  protected override getTracker(request: Request): Promise<string> {
    return super.getTracker({ ip: clientAddress(request) });
  }

  protected override generateKey(_context: ExecutionContext, tracker: string): string {
    return `sign-in:${tracker}`;
  }
}
