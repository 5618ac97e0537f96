import { applyDecorators, HttpCode, UseFilters, UseGuards, UseInterceptors } from '@nestjs/common';
import { ApiKeyGuard } from '../access';
import { CostInterceptor } from '../billing';
import { RateLimitGuard } from '../rate-limit';
import { CacheInterceptor } from '../semantic-cache';
import { ErrorFilter } from './error.filter';
import { IdempotencyInterceptor } from './idempotency/idempotency.interceptor';
import { RequestGuard } from './request.guard';

/** Like an inference route, for a call that costs nothing and whose answer is not kept. */
export const FreeRoute = (): MethodDecorator & ClassDecorator =>
  applyDecorators(HttpCode(200), UseGuards(ApiKeyGuard, RequestGuard, RateLimitGuard), UseFilters(ErrorFilter));

/** The whole pipeline, top to bottom, as `InferencePipeline` runs it. Every inference endpoint wears it. */
export const InferenceRoute = (): MethodDecorator & ClassDecorator =>
  applyDecorators(
    HttpCode(200),
    UseGuards(ApiKeyGuard, RequestGuard, RateLimitGuard),
    UseInterceptors(IdempotencyInterceptor, CacheInterceptor, CostInterceptor),
    UseFilters(ErrorFilter),
  );
