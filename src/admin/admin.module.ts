import { Module } from '@nestjs/common';
import { AccessModule } from '../access';
import { DepartmentsController } from './departments.controller';
import { KeysController } from './keys.controller';
import { TeamsController } from './teams.controller';
import { UsersController } from './users.controller';

/** The management API. */
@Module({
  imports: [AccessModule],
  controllers: [DepartmentsController, TeamsController, UsersController, KeysController],
})
export class AdminModule {}
