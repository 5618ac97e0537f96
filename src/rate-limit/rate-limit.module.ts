import { Module } from '@nestjs/common';
import { LimitUsageService } from './limit-usage.service';
import { RateLimitMetrics } from './rate-limit.metrics';
import { RateLimitService } from './rate-limit.service';
import { ThrottleStorage } from './throttle.storage';
import { SharedWindows } from './shared-windows';
import { RateLimitStore } from './store/rate-limit.store';

@Module({
  providers: [
    RateLimitMetrics,
    SharedWindows,
    { provide: RateLimitStore, inject: [SharedWindows], useFactory: ({ store }: SharedWindows) => store },
    RateLimitService,
    LimitUsageService,
    ThrottleStorage,
  ],
  exports: [RateLimitService, LimitUsageService, ThrottleStorage],
})
export class RateLimitModule {}
