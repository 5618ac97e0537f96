import { Body, Get, Injectable, Param, Post, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import {
  DepartmentsService,
  TeamsService,
  USER_ROLES,
  UsersService,
  type Team,
  type UserWithTeams,
} from '../../../access';
import { NotFoundError } from '../../../core/errors';
import { MAX_PAGE_SIZE } from '../../../core/page';
import { CreateDepartmentDto } from '../../dtos/department.dto';
import { CreateTeamDto, toTeam } from '../../dtos/team.dto';
import { CreateUserDto, toUser } from '../../dtos/user.dto';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { ConsoleSessions } from '../auth/console-sessions';
import { mayDo, type Scope } from '../auth/permissions';
import { Directory } from '../data/directory';
import { Pages, viewerIn } from '../render/pages';
import { checked, limitsOf, listOf, namesOf, pageOf, problemOf, textOf, type Problem, type Query } from './fields';
import { newPassword } from './sign-in.controller';

const HOME = '/admin/teams';
const ROLES = { admin: 'Administrator', auditor: 'Auditor', team_lead: 'Team lead', member: 'Member' } as const;

/** What the page of teams and users changes. */
@Injectable()
export class Organization {
  constructor(
    readonly departments: DepartmentsService,
    readonly teams: TeamsService,
    readonly users: UsersService,
  ) {}
}

/** A form that was refused: what was typed, and why. */
interface Refused {
  readonly form: 'department' | 'team' | 'user' | 'password';
  readonly values: Query;
  readonly problem: Problem;
}

@ConsoleController('teams')
export class TeamsPageController {
  constructor(
    private readonly pages: Pages,
    private readonly organization: Organization,
    private readonly directory: Directory,
    private readonly sessions: ConsoleSessions,
  ) {}

  @Get()
  @Permit('directory.read')
  async list(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    await this.show(response, query);
  }

  @Post('departments')
  @Permit('directory.write')
  async createDepartment(@Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, 'department', form, async () => {
      await this.organization.departments.create(
        await checked(CreateDepartmentDto, { name: textOf(form, 'name') ?? '' }),
      );
    });
  }

  @Post()
  @Permit('directory.write')
  async createTeam(@Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, 'team', form, async () => {
      const fields = await checked(CreateTeamDto, {
        name: textOf(form, 'name') ?? '',
        department_id: textOf(form, 'department_id') ?? '',
        limits: limitsOf(form),
        allowed_models: namesOf(form, 'allowed_models'),
      });
      await this.organization.teams.create(toTeam(fields));
    });
  }

  @Post('users')
  @Permit('directory.write')
  async createUser(@Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, 'user', form, async () => {
      const password = textOf(form, 'password') === undefined ? null : newPassword(form);
      const fields = await checked(CreateUserDto, {
        email: textOf(form, 'email') ?? '',
        name: textOf(form, 'name') ?? '',
        role: textOf(form, 'role') ?? 'member',
        team_ids: listOf(form, 'team_ids'),
      });
      const user = await this.organization.users.create(toUser(fields));
      if (password !== null) await this.organization.users.setPassword(user.id, password);
    });
  }

  /** Sessions and keys of a disabled user end at once. */
  @Post('users/:id/disable')
  @Permit('directory.write')
  async disable(@Param('id') id: string, @Res() response: Response): Promise<void> {
    if (id === viewerIn(response).id) throw new NotFoundError('You cannot disable your own account.');
    await this.organization.users.update(id, { disabled: true });
    await this.sessions.endAll(id);
    response.redirect(303, `${HOME}#users`);
  }

  @Post('users/:id/enable')
  @Permit('directory.write')
  async enable(@Param('id') id: string, @Res() response: Response): Promise<void> {
    await this.organization.users.update(id, { disabled: false });
    response.redirect(303, `${HOME}#users`);
  }

  /** Ends the sessions of whoever signed in with the old one. */
  @Post('users/:id/password')
  @Permit('directory.write')
  async password(@Param('id') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, 'password', { user: id }, async () => {
      await this.organization.users.setPassword(id, newPassword(form));
      await this.sessions.endAll(id);
    });
  }

  private async attempt(
    response: Response,
    form: Refused['form'],
    values: Query,
    change: () => Promise<void>,
  ): Promise<void> {
    try {
      await change();
    } catch (error) {
      await this.show(response, {}, { form, values, problem: problemOf(error) });
      return;
    }
    response.redirect(303, HOME);
  }

  private async show(response: Response, query: Query, refused?: Refused): Promise<void> {
    const { scope, role } = viewerIn(response);
    const [departments, teams, counts, members] = await Promise.all([
      this.directory.departments(),
      this.visibleTeams(scope),
      this.directory.keyCounts(),
      this.visibleUsers(query, scope),
    ]);
    const departmentName = new Map(departments.map(({ id, name }) => [id, name]));
    const teamName = new Map(teams.map(({ id, name }) => [id, name]));
    const values = refused?.values ?? {};
    this.pages.show(
      response,
      'teams',
      {
        title: 'Teams and users',
        mayWrite: mayDo(role, 'directory.write'),
        departments: departments.map((each) => ({ ...each, isChosen: each.id === values['department_id'] })),
        teams: teams.map((team) => ({
          ...teamRow(team, departmentName.get(team.departmentId) ?? '–', counts.get(team.id) ?? 0),
          isChosen: listOf(values, 'team_ids').includes(team.id),
        })),
        users: members.items.map((user) => userRow(user, teamName, viewerIn(response).id)),
        nextHref: members.nextCursor === null ? null : `${HOME}?cursor=${members.nextCursor}#users`,
        roles: USER_ROLES.map((each) => ({
          value: each,
          label: ROLES[each],
          isChosen: each === (values['role'] ?? 'member'),
        })),
        refused: refused ? { [refused.form]: refused } : {},
      },
      refused ? 400 : 200,
    );
  }

  private async visibleTeams(scope: Scope): Promise<readonly Team[]> {
    if (scope.kind === 'teams') return Promise.all(scope.teamIds.map((id) => this.organization.teams.get(id)));
    return (await this.organization.teams.list({ limit: MAX_PAGE_SIZE, cursor: null })).items;
  }

  private async visibleUsers(query: Query, scope: Scope) {
    if (scope.kind === 'all') return this.organization.users.list(pageOf(query));
    const teamIds = scope.kind === 'teams' ? scope.teamIds : [];
    const pages = await Promise.all(
      teamIds.map((id) => this.organization.users.list({ limit: MAX_PAGE_SIZE, cursor: null }, id)),
    );
    const unique = new Map(pages.flatMap(({ items }) => items).map((user) => [user.id, user]));
    return { items: [...unique.values()], nextCursor: null };
  }
}

const teamRow = (team: Team, department: string, keys: number) => ({
  id: team.id,
  name: team.name,
  department,
  keys,
  limits: team.limits,
  allowedModels: team.allowedModels?.join(', ') ?? null,
  requestsHref: `/admin/requests?team=${team.id}`,
  keysHref: `/admin/keys?team=${team.id}`,
});

const userRow = (user: UserWithTeams, teamName: ReadonlyMap<string, string>, viewerId: string) => ({
  id: user.id,
  name: user.name,
  email: user.email,
  role: ROLES[user.role],
  // A team lead sees the names of their own teams only.
  teams: user.teamIds
    .map((id) => teamName.get(id))
    .filter((name) => name !== undefined)
    .join(', '),
  isDisabled: user.disabledAt !== null,
  isSelf: user.id === viewerId,
});
