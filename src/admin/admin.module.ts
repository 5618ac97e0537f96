import { Module } from '@nestjs/common';
import { AccessModule } from '../access';
import { BillingModule } from '../billing';
import { ProvidersModule } from '../providers';
import { RateLimitModule } from '../rate-limit';
import { SemanticCacheModule } from '../semantic-cache';
import { BudgetsController } from './budgets.controller';
import { CacheController } from './cache.controller';
import { ConfigController } from './config.controller';
import { ConsoleModule } from './console/console.module';
import { DepartmentsController } from './departments.controller';
import { KeysController } from './keys.controller';
import { LimitsController } from './limits.controller';
import { ProvidersController } from './providers.controller';
import { RequestsController } from './requests.controller';
import { TeamsController } from './teams.controller';
import { UsageController } from './usage.controller';
import { UsersController } from './users.controller';

/** The management API and the console. */
@Module({
  imports: [AccessModule, BillingModule, SemanticCacheModule, ProvidersModule, RateLimitModule, ConsoleModule],
  controllers: [
    DepartmentsController,
    TeamsController,
    UsersController,
    KeysController,
    BudgetsController,
    LimitsController,
    CacheController,
    ConfigController,
    ProvidersController,
    RequestsController,
    UsageController,
  ],
})
export class AdminModule {}
