import { Module } from '@nestjs/common';
import { RateLimitMetrics } from './rate-limit.metrics';
import { RateLimitService } from './rate-limit.service';
import { SharedWindows } from './shared-windows';
import { RateLimitStore } from './store/rate-limit.store';

@Module({
  providers: [
    RateLimitMetrics,
    SharedWindows,
    { provide: RateLimitStore, inject: [SharedWindows], useFactory: ({ store }: SharedWindows) => store },
    RateLimitService,
  ],
  exports: [RateLimitService],
})
export class RateLimitModule {}
