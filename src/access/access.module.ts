import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessService } from './access.service';
import { AdminKey } from './admin-key';
import { ApiKeyGuard } from './api-key.guard';
import { DepartmentsService } from './departments.service';
import { ApiKey } from './entities/api-key.entity';
import { Department } from './entities/department.entity';
import { Team } from './entities/team.entity';
import { User, UserTeam } from './entities/user.entity';
import { FirstRunService } from './first-run.service';
import { KeyRepository } from './key-repository';
import { KeysService } from './keys.service';
import { LeakedKeys } from './leaked-keys';
import { TeamsService } from './teams.service';
import { UsersService } from './users.service';

const SERVICES = [
  AccessService,
  AdminKey,
  ApiKeyGuard,
  DepartmentsService,
  FirstRunService,
  KeysService,
  LeakedKeys,
  TeamsService,
  UsersService,
];

/** Who may use the gateway: departments, teams, users and their keys. */
@Module({
  imports: [TypeOrmModule.forFeature([Department, Team, User, UserTeam, ApiKey])],
  providers: [...SERVICES, KeyRepository],
  exports: SERVICES,
})
export class AccessModule {}
