import { Injectable } from '@nestjs/common';
import { RequestQueries } from '../../billing';
import { ConflictError, NotFoundError } from '../../core/errors';
import { TranscriptsService, type Transcript } from '../../transcripts';
import { AuditLog } from '../audit/audit-log';
import { actorOf, type Caller } from '../authority/caller';

/** What was asked and answered, for those who may see the request; each reading is on record before anything is shown. */
@Injectable()
export class ContentReading {
  constructor(
    private readonly requests: RequestQueries,
    private readonly transcripts: TranscriptsService,
    private readonly audit: AuditLog,
  ) {}

  /** Whether there is something to read. Telling so is no reading. */
  has(requestId: string): Promise<boolean> {
    return this.transcripts.has(requestId);
  }

  /** Throws `NotFoundError` for what is not kept, not there or not the caller's to see, all in the same words. */
  async read(caller: Caller, requestId: string): Promise<Transcript> {
    const found = await this.requests.find(requestId, caller.scope);
    const transcript = found && (await this.opened(requestId));
    if (!transcript) {
      throw new NotFoundError(
        `No prompt or answer is kept of request ${requestId}. A team keeps them when "store_content" is on, for as long as transcripts.retention_days says.`,
      );
    }
    await this.audit.record(actorOf(caller), {
      action: 'request.read_content',
      targetId: requestId,
      targetLabel: found.request.keyName,
      before: null,
      after: null,
    });
    return transcript;
  }

  private async opened(requestId: string): Promise<Transcript | null> {
    try {
      return await this.transcripts.read(requestId);
    } catch (cause) {
      throw new ConflictError(
        `The prompt and answer of request ${requestId} cannot be decrypted: ${cause instanceof Error ? cause.message : 'unknown reason'}.`,
      );
    }
  }
}
