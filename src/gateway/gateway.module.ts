import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { AccessModule } from '../access';
import { BillingModule } from '../billing';
import { ProvidersModule, TokenCounter } from '../providers';
import { RateLimitModule } from '../rate-limit';
import { SemanticCacheModule } from '../semantic-cache';
import { CacheFeedbackController } from './cache-feedback.controller';
import { ChatController } from './chat.controller';
import { EmbeddingsController } from './embeddings.controller';
import { ErrorFilter } from './error.filter';
import { ExplainController } from './explain.controller';
import { ExplainService } from './explain.service';
import { InferenceRequests } from './inference-requests';
import { JournalMetrics } from './journal.metrics';
import { ModelsController } from './models.controller';
import { ReplyWriter } from './reply-writer';
import { RequestLog } from './request-log';
import { RequestRecorder } from './request-recorder';
import { ResponsesController } from './responses.controller';
import { StatusController } from './status.controller';
import { TokenCountController } from './token-count.controller';

/** The HTTP surface of the data plane. */
@Module({
  imports: [AccessModule, ProvidersModule, RateLimitModule, SemanticCacheModule, BillingModule],
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
    ExplainService,
    InferenceRequests,
    JournalMetrics,
    ReplyWriter,
    RequestLog,
    RequestRecorder,
    TokenCounter,
    // Errors of every route, the management API's and unknown paths included.
    { provide: APP_FILTER, useClass: ErrorFilter },
  ],
})
export class GatewayModule {}
