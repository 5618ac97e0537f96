import { Injectable } from '@nestjs/common';
import {
  DepartmentsService,
  TeamsService,
  type Department,
  type DepartmentFields,
  type Team,
  type TeamFields,
  type TeamFilter,
} from '../../access';
import type { Limits } from '../../core/context';
import type { Page, PageRequest } from '../../core/page';
import { AuditLog } from '../audit/audit-log';
import { actorOf, type Caller } from '../authority/caller';
import { requireLimitsWithin } from '../authority/grants';
import { fromDepartment } from '../dtos/department.dto';
import { fromTeam } from '../dtos/team.dto';
import { deedsOf } from './deeds-of';

const departmentDeed = deedsOf<Department>(({ name }) => name, fromDepartment);
const teamDeed = deedsOf<Team>(({ name }) => name, fromTeam);

/** Departments and teams: administrators change them, others see the ones they belong to. */
@Injectable()
export class OrganizationManagement {
  constructor(
    private readonly departments: DepartmentsService,
    private readonly teams: TeamsService,
    private readonly audit: AuditLog,
  ) {}

  listDepartments({ scope }: Caller, page: PageRequest): Promise<Page<Department>> {
    return this.departments.list(page, scope);
  }

  getDepartment({ scope }: Caller, id: string): Promise<Department> {
    return this.departments.get(id, { scope });
  }

  createDepartment(caller: Caller, fields: DepartmentFields): Promise<Department> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const made = await this.departments.create(fields, manager);
      return { result: made, deed: departmentDeed('department.create', null, made) };
    });
  }

  updateDepartment(caller: Caller, id: string, fields: Partial<DepartmentFields>): Promise<Department> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const before = await this.departments.get(id, { manager });
      const after = await this.departments.update(id, fields, manager);
      return { result: after, deed: departmentDeed('department.update', before, after) };
    });
  }

  removeDepartment(caller: Caller, id: string): Promise<void> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const before = await this.departments.get(id, { manager });
      await this.departments.remove(id, manager);
      return { result: undefined, deed: departmentDeed('department.delete', before, null) };
    });
  }

  listTeams({ scope }: Caller, page: PageRequest, filter: Omit<TeamFilter, 'scope'>): Promise<Page<Team>> {
    return this.teams.list(page, { ...filter, scope });
  }

  getTeam({ scope }: Caller, id: string): Promise<Team> {
    return this.teams.get(id, { scope });
  }

  createTeam(caller: Caller, fields: TeamFields): Promise<Team> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const made = await this.teams.create(fields, manager);
      return { result: made, deed: teamDeed('team.create', null, made) };
    });
  }

  updateTeam(caller: Caller, id: string, fields: Partial<TeamFields>): Promise<Team> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const before = await this.teams.get(id, { manager });
      const after = await this.teams.update(id, fields, manager);
      return { result: after, deed: teamDeed('team.update', before, after) };
    });
  }

  /** Of its lead, within what the team was given; of both the lower counts. Throws `PermissionDeniedError` for more. */
  limitTeam(caller: Caller, id: string, ownLimits: Limits | null): Promise<Team> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const before = await this.teams.get(id, { scope: caller.scope, manager });
      requireLimitsWithin(before.limits, ownLimits);
      const after = await this.teams.update(id, { ownLimits }, manager);
      return { result: after, deed: teamDeed('team.limit', before, after) };
    });
  }

  removeTeam(caller: Caller, id: string): Promise<void> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const before = await this.teams.get(id, { manager });
      await this.teams.remove(id, manager);
      return { result: undefined, deed: teamDeed('team.delete', before, null) };
    });
  }
}
