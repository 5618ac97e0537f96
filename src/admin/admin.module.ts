import { Module } from '@nestjs/common';
import { ThrottlerModule } from '@nestjs/throttler';
import { AccessModule } from '../access';
import { AlertsModule } from '../alerts';
import { BillingModule } from '../billing';
import { ProvidersModule } from '../providers';
import { RateLimitModule, ThrottleStorage } from '../rate-limit';
import { SemanticCacheModule } from '../semantic-cache';
import { TranscriptsModule } from '../transcripts';
import { AuditController } from './audit.controller';
import { BudgetReaches } from './authority/budget-reaches';
import { RoutePermissions } from './authority/route-permissions';
import { BudgetsController } from './budgets.controller';
import { CacheController } from './cache.controller';
import { ConfigController } from './config.controller';
import { ConsoleModule } from './console/console.module';
import { DepartmentsController } from './departments.controller';
import { KeysController } from './keys.controller';
import { LimitsController } from './limits.controller';
import { BudgetManagement } from './management/budget-management';
import { ContentReading } from './management/content-reading';
import { WebhookManagement } from './management/webhook-management';
import { PriceManagement } from './management/price-management';
import { Operations } from './management/operations';
import { ManagementModule } from './management/management.module';
import { PricesController } from './prices.controller';
import { MeController } from './me.controller';
import { ProvidersController } from './providers.controller';
import { RequestsController } from './requests.controller';
import { TeamsController } from './teams.controller';
import { UsageController } from './usage.controller';
import { UsersController } from './users.controller';
import { WebhooksController } from './webhooks.controller';

/** Calls of the management API from one address: plenty for tools and scripts, too few to guess a key. */
const THROTTLE_WINDOW_MS = 60_000;
const THROTTLE_LIMIT = 3_000;

/** The management API and the console. */
@Module({
  imports: [
    ThrottlerModule.forRootAsync({
      imports: [RateLimitModule],
      inject: [ThrottleStorage],
      useFactory: (storage: ThrottleStorage) => ({
        throttlers: [{ ttl: THROTTLE_WINDOW_MS, limit: THROTTLE_LIMIT }],
        storage,
      }),
    }),
    AccessModule,
    AlertsModule,
    ManagementModule,
    BillingModule,
    SemanticCacheModule,
    TranscriptsModule,
    ProvidersModule,
    RateLimitModule,
    ConsoleModule,
  ],
  controllers: [
    DepartmentsController,
    TeamsController,
    UsersController,
    KeysController,
    BudgetsController,
    LimitsController,
    CacheController,
    ConfigController,
    PricesController,
    ProvidersController,
    RequestsController,
    UsageController,
    WebhooksController,
    MeController,
    AuditController,
  ],
  providers: [
    RoutePermissions,
    BudgetReaches,
    BudgetManagement,
    ContentReading,
    Operations,
    PriceManagement,
    WebhookManagement,
  ],
})
export class AdminModule {}
