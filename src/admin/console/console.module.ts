import { Module } from '@nestjs/common';
import { AccessModule } from '../../access';
import { AlertsModule } from '../../alerts';
import { BillingModule } from '../../billing';
import { ProvidersModule } from '../../providers';
import { RateLimitModule } from '../../rate-limit';
import { SemanticCacheModule } from '../../semantic-cache';
import { TranscriptsModule } from '../../transcripts';
import { BudgetReaches } from '../authority/budget-reaches';
import { BudgetManagement } from '../management/budget-management';
import { ContentReading } from '../management/content-reading';
import { ManagementModule } from '../management/management.module';
import { Operations } from '../management/operations';
import { PriceManagement } from '../management/price-management';
import { WebhookManagement } from '../management/webhook-management';
import { ConsoleGuard } from './auth/console.guard';
import { ConsoleKeys } from './auth/console-keys';
import { ConsoleSessions } from './auth/console-sessions';
import { Csrf } from './auth/csrf';
import { IdentityProvider } from './auth/oidc/identity-provider';
import { OidcAccounts } from './auth/oidc/oidc-accounts';
import { OidcFlows } from './auth/oidc/oidc-flow';
import { OidcSignIn } from './auth/oidc/oidc-sign-in';
import { SignInService } from './auth/sign-in.service';
import { SignInThrottle } from './auth/sign-in-throttle';
import { Choices } from './data/choices';
import { Directory } from './data/directory';
import { LimitUses } from './data/limit-uses';
import { LiveFeed } from './data/live-feed';
import { PlaygroundCalls } from './data/playground-calls';
import { Subjects } from './data/subjects';
import { UsageFigures } from './data/usage-figures';
import { VisibleBudgets } from './data/visible-budgets';
import { AlertsPageController } from './pages/alerts.controller';
import { AuditPageController } from './pages/audit.controller';
import { BudgetsPageController } from './pages/budgets.controller';
import { CachePageController, CacheSources } from './pages/cache.controller';
import { ContentPageController } from './pages/content.controller';
import { DepartmentPageController } from './pages/department.controller';
import { KeysPageController } from './pages/keys.controller';
import { LimitsPageController } from './pages/limits.controller';
import { LiveController } from './pages/live.controller';
import { ModelsPageController } from './pages/models.controller';
import { OidcController } from './pages/oidc.controller';
import { OverviewController, OverviewSources } from './pages/overview.controller';
import { PlaygroundController } from './pages/playground.controller';
import { PriceImportPageController } from './pages/price-import.controller';
import { PricesPageController } from './pages/prices.controller';
import { ReRatingPageController } from './pages/re-rating.controller';
import { RequestsPageController } from './pages/requests.controller';
import { SettingsPageController } from './pages/settings.controller';
import { SignInController } from './pages/sign-in.controller';
import { TeamPageController } from './pages/team.controller';
import { TeamsPageController } from './pages/teams.controller';
import { UnknownPageController } from './pages/unknown.controller';
import { UsagePageController } from './pages/usage.controller';
import { UserPageController } from './pages/user.controller';
import { Assets } from './render/assets';
import { Pages } from './render/pages';

export const CONSOLE_CONTROLLERS = [
  SignInController,
  OidcController,
  OverviewController,
  RequestsPageController,
  ContentPageController,
  UsagePageController,
  BudgetsPageController,
  LimitsPageController,
  CachePageController,
  PlaygroundController,
  LiveController,
  KeysPageController,
  TeamsPageController,
  UserPageController,
  DepartmentPageController,
  TeamPageController,
  ModelsPageController,
  PriceImportPageController,
  PricesPageController,
  ReRatingPageController,
  AlertsPageController,
  AuditPageController,
  SettingsPageController,
  // Last: it takes what nobody else does.
  UnknownPageController,
];

/** The console at `/admin`. */
@Module({
  imports: [
    AccessModule,
    AlertsModule,
    BillingModule,
    ProvidersModule,
    RateLimitModule,
    SemanticCacheModule,
    TranscriptsModule,
    ManagementModule,
  ],
  controllers: CONSOLE_CONTROLLERS,
  providers: [
    ConsoleGuard,
    ConsoleKeys,
    ConsoleSessions,
    Csrf,
    SignInService,
    SignInThrottle,
    IdentityProvider,
    OidcAccounts,
    OidcFlows,
    OidcSignIn,
    BudgetReaches,
    BudgetManagement,
    ContentReading,
    PriceManagement,
    WebhookManagement,
    Operations,
    Choices,
    Directory,
    LimitUses,
    LiveFeed,
    PlaygroundCalls,
    Subjects,
    VisibleBudgets,
    OverviewSources,
    CacheSources,
    UsageFigures,
    Assets,
    Pages,
  ],
})
export class ConsoleModule {}
