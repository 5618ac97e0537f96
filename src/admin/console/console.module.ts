import { Module } from '@nestjs/common';
import { AccessModule } from '../../access';
import { BillingModule } from '../../billing';
import { ProvidersModule } from '../../providers';
import { SemanticCacheModule } from '../../semantic-cache';
import { BudgetManagement } from '../management/budget-management';
import { ManagementModule } from '../management/management.module';
import { Operations } from '../management/operations';
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
import { Directory } from './data/directory';
import { UsageFigures } from './data/usage-figures';
import { KeysPageController } from './pages/keys.controller';
import { ModelsPageController } from './pages/models.controller';
import { OverviewController } from './pages/overview.controller';
import { OidcController } from './pages/oidc.controller';
import { RequestsPageController } from './pages/requests.controller';
import { SettingsPageController } from './pages/settings.controller';
import { SignInController } from './pages/sign-in.controller';
import { TeamsPageController } from './pages/teams.controller';
import { UsagePageController } from './pages/usage.controller';
import { Assets } from './render/assets';
import { Pages } from './render/pages';

export const CONSOLE_CONTROLLERS = [
  SignInController,
  OidcController,
  OverviewController,
  RequestsPageController,
  UsagePageController,
  KeysPageController,
  TeamsPageController,
  ModelsPageController,
  SettingsPageController,
];

/** The console at `/admin`. */
@Module({
  imports: [AccessModule, BillingModule, ProvidersModule, SemanticCacheModule, ManagementModule],
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
    BudgetManagement,
    Operations,
    Directory,
    UsageFigures,
    Assets,
    Pages,
  ],
})
export class ConsoleModule {}
