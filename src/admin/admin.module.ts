import { Module } from '@nestjs/common';
import { AccessModule } from '../access';
import { BillingModule } from '../billing';
import { ConfigController } from './config.controller';
import { DepartmentsController } from './departments.controller';
import { KeysController } from './keys.controller';
import { RequestsController } from './requests.controller';
import { TeamsController } from './teams.controller';
import { UsageController } from './usage.controller';
import { UsersController } from './users.controller';

/** The management API. */
@Module({
  imports: [AccessModule, BillingModule],
  controllers: [
    DepartmentsController,
    TeamsController,
    UsersController,
    KeysController,
    ConfigController,
    RequestsController,
    UsageController,
  ],
})
export class AdminModule {}
