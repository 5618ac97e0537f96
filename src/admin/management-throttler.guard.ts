import { Injectable, type ExecutionContext } from '@nestjs/common';
import { ThrottlerGuard } from '@nestjs/throttler';
import type { Request } from 'express';
import { clientAddress } from '../platform/http/client-address';

/** One count for all of the management API from one address: guessing a key is no faster over many routes. */
@Injectable()
export class ManagementThrottlerGuard extends ThrottlerGuard {
  protected override getTracker(request: Request): Promise<string> {
    return super.getTracker({ ip: clientAddress(request) });
  }

  protected override generateKey(_context: ExecutionContext, tracker: string): string {
    return `management:${tracker}`;
  }
}
