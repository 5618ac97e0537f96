import { Logger, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { AccessModule } from '../access';
import { BillingModule } from '../billing';
import { Clock } from '../platform/clock';
import { RedisConnection } from '../platform/redis/redis-connection';
import { ProvidersModule, TokenCounter } from '../providers';
import { RateLimitModule } from '../rate-limit';
import { SemanticCacheModule } from '../semantic-cache';
import { TranscriptsModule } from '../transcripts';
import { CacheFeedbackController } from './cache-feedback.controller';
import { ChatController } from './chat.controller';
import { DispatchedOwnCalls, Payments } from './dispatched.own-calls';
import { EmbeddingsController } from './embeddings.controller';
import { ErrorFilter } from './error.filter';
import { ExplainController } from './explain.controller';
import { ExplainService } from './explain.service';
import { IdempotencyService } from './idempotency/idempotency.service';
import { IdempotencyStore } from './idempotency/store/idempotency.store';
import { LayeredIdempotencyStore } from './idempotency/store/layered.idempotency-store';
import { MemoryIdempotencyStore } from './idempotency/store/memory.idempotency-store';
import { RedisIdempotencyStore } from './idempotency/store/redis.idempotency-store';
import { InferencePipeline } from './inference-pipeline';
import { InferenceRequests } from './inference-requests';
import { JournalMetrics } from './journal.metrics';
import { ModelsController } from './models.controller';
import { ReplyWriter } from './reply-writer';
import { RequestLog } from './request-log';
import { RequestRecorder } from './request-recorder';
import { ResponsesController } from './responses.controller';
import { StatusController } from './status.controller';
import { TokenCountController } from './token-count.controller';

/** The keys of all replicas when there is a Redis, of this process when there is none. */
function openIdempotencyStore({ client }: RedisConnection, clock: Clock): IdempotencyStore {
  const local = new MemoryIdempotencyStore(() => clock.now());
  if (!client) return local;
  const logger = new Logger('Idempotency');
  const shared = new RedisIdempotencyStore(client);
  const onAway = (error: unknown): void => logger.warn(`Redis does not answer: ${String(error)}`);
  return new LayeredIdempotencyStore(local, shared, onAway, () => clock.monotonic());
}

/** The HTTP surface of the data plane. */
@Module({
  imports: [AccessModule, ProvidersModule, RateLimitModule, SemanticCacheModule, BillingModule, TranscriptsModule],
  controllers: [
    ChatController,
    CacheFeedbackController,
    ResponsesController,
    EmbeddingsController,
    ExplainController,
    TokenCountController,
    ModelsController,
    StatusController,
  ],
  providers: [
    Payments,
    DispatchedOwnCalls,
    ExplainService,
    { provide: IdempotencyStore, inject: [RedisConnection, Clock], useFactory: openIdempotencyStore },
    IdempotencyService,
    InferencePipeline,
    InferenceRequests,
    JournalMetrics,
    ReplyWriter,
    RequestLog,
    RequestRecorder,
    TokenCounter,
    // Errors of every route, the management API's and unknown paths included.
    ErrorFilter,
    { provide: APP_FILTER, useExisting: ErrorFilter },
  ],
  exports: [DispatchedOwnCalls],
})
export class GatewayModule {}
