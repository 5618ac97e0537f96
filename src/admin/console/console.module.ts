import { Module } from '@nestjs/common';
import { AccessModule } from '../../access';
import { BillingModule } from '../../billing';
import { ProvidersModule } from '../../providers';
import { ConsoleGuard } from './auth/console.guard';
import { ConsoleKeys } from './auth/console-keys';
import { ConsoleSessions } from './auth/console-sessions';
import { Csrf } from './auth/csrf';
import { SignInService } from './auth/sign-in.service';
import { SignInThrottle } from './auth/sign-in-throttle';
import { Directory } from './data/directory';
import { UsageFigures } from './data/usage-figures';
import { KeysPageController } from './pages/keys.controller';
import { ModelsPageController } from './pages/models.controller';
import { OverviewController } from './pages/overview.controller';
import { RequestsPageController } from './pages/requests.controller';
import { SettingsPageController } from './pages/settings.controller';
import { SignInController } from './pages/sign-in.controller';
import { Organization, TeamsPageController } from './pages/teams.controller';
import { UsagePageController } from './pages/usage.controller';
import { Assets } from './render/assets';
import { Pages } from './render/pages';

export const CONSOLE_CONTROLLERS = [
  SignInController,
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
  imports: [AccessModule, BillingModule, ProvidersModule],
  controllers: CONSOLE_CONTROLLERS,
  providers: [
    ConsoleGuard,
    ConsoleKeys,
    ConsoleSessions,
    Csrf,
    SignInService,
    SignInThrottle,
    Directory,
    Organization,
    UsageFigures,
    Assets,
    Pages,
  ],
})
export class ConsoleModule {}
