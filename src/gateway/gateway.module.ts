import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { AccessModule } from '../access';
import { BillingModule } from '../billing';
import { ProvidersModule } from '../providers';
import { RateLimitModule } from '../rate-limit';
import { SemanticCacheModule } from '../semantic-cache';
import { ChatController } from './chat.controller';
import { ErrorFilter } from './error.filter';
import { InferenceRequests } from './inference-requests';
import { ModelsController } from './models.controller';
import { ReplyWriter } from './reply-writer';
import { RequestLog } from './request-log';
import { RequestRecorder } from './request-recorder';
import { StatusController } from './status.controller';

/** The HTTP surface of the data plane. */
@Module({
  imports: [AccessModule, ProvidersModule, RateLimitModule, SemanticCacheModule, BillingModule],
  controllers: [ChatController, ModelsController, StatusController],
  providers: [
    InferenceRequests,
    ReplyWriter,
    RequestLog,
    RequestRecorder,
    // Errors of every route, the management API's and unknown paths included.
    { provide: APP_FILTER, useClass: ErrorFilter },
  ],
})
export class GatewayModule {}
