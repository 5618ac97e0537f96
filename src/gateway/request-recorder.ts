import { Injectable } from '@nestjs/common';
import { BillingService } from '../billing';
import type { GatewayContext } from '../core/context';
import { TranscriptRecorder } from '../transcripts';
import { RequestLog } from './request-log';

/** Sees to it that every request of a known caller leaves a usage row, a log line, its metrics and, where it is kept, its transcript, however it ends. */
@Injectable()
export class RequestRecorder {
  constructor(
    private readonly billing: BillingService,
    private readonly log: RequestLog,
    private readonly transcripts: TranscriptRecorder,
  ) {}

  /** To be called first: what is deferred first runs last, when everything is settled. */
  track(context: GatewayContext): void {
    this.billing.track(context);
    this.log.track(context);
    this.transcripts.track(context);
  }
}
