import { Body, Get, Post, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import { USER_ROLES, type Department, type Team, type UserWithTeams } from '../../../access';
import { PermissionDeniedError } from '../../../core/errors';
import { MAX_PAGE_SIZE } from '../../../core/page';
import { CreateDepartmentDto, toDepartment } from '../../dtos/department.dto';
import { CreateTeamDto, toTeam } from '../../dtos/team.dto';
import { CreateUserDto, toUser } from '../../dtos/user.dto';
import { OrganizationManagement } from '../../management/organization-management';
import { UserManagement } from '../../management/user-management';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { mayDo } from '../../authority/permissions';
import type { Viewer } from '../auth/viewer';
import { Directory } from '../data/directory';
import { Pages, ROLE_NAMES, viewerIn } from '../render/pages';
import { checked, limitsOf, listOf, namesOf, pageOf, problemOf, textOf, type Problem, type Query } from './fields';
import { newPassword } from './sign-in.controller';

const HOME = '/admin/teams';

/** A form that was refused: what was typed, and why. */
interface Refused {
  readonly form: 'department' | 'team' | 'user';
  readonly values: Query;
  readonly problem: Problem;
}

@ConsoleController('teams')
export class TeamsPageController {
  constructor(
    private readonly pages: Pages,
    private readonly organization: OrganizationManagement,
    private readonly users: UserManagement,
    private readonly directory: Directory,
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
      const fields = await checked(CreateDepartmentDto, { name: textOf(form, 'name') ?? '', limits: limitsOf(form) });
      await this.organization.createDepartment(viewerIn(response), toDepartment(fields));
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
      await this.organization.createTeam(viewerIn(response), toTeam(fields));
    });
  }

  /** A team lead makes members of their teams; passwords are given by administrators. */
  @Post('users')
  @Permit('members.write')
  async createUser(@Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, 'user', form, async () => {
      const password = passwordOf(form, viewerIn(response));
      const fields = await checked(CreateUserDto, {
        email: textOf(form, 'email') ?? '',
        name: textOf(form, 'name') ?? '',
        role: textOf(form, 'role') ?? 'member',
        team_ids: listOf(form, 'team_ids'),
        limits: limitsOf(form),
        allowed_models: namesOf(form, 'allowed_models'),
      });
      const viewer = viewerIn(response);
      const user = await this.users.create(viewer, toUser(fields));
      if (password !== null) await this.users.setPassword(viewer, user.id, password);
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
    this.pages.done(response, HOME, 'created');
  }

  private async show(response: Response, query: Query, refused?: Refused): Promise<void> {
    const viewer = viewerIn(response);
    const { role } = viewer;
    const [departments, teams, counts, members] = await Promise.all([
      this.visibleDepartments(viewer),
      this.visibleTeams(viewer),
      this.directory.keyCounts(),
      this.users.list(viewer, pageOf(query), {}),
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
        mayAddUsers: mayDo(role, 'members.write'),
        departments: departments.map(({ id, name, limits }) => ({
          id,
          name,
          limits,
          href: `${HOME}/departments/${id}`,
          isChosen: id === values['department_id'],
        })),
        teams: teams.map((team) => ({
          ...teamRow(team, departmentName.get(team.departmentId) ?? '–', counts.get(team.id) ?? 0),
          // Who has one team only means that one.
          isChosen: listOf(values, 'team_ids').includes(team.id) || (teams.length === 1 && role === 'team_lead'),
        })),
        users: members.items.map((user) => userRow(user, teamName, viewerIn(response).id)),
        nextHref: members.nextCursor === null ? null : `${HOME}?cursor=${members.nextCursor}#users`,
        roles: USER_ROLES.map((each) => ({
          value: each,
          label: ROLE_NAMES[each],
          isChosen: each === (values['role'] ?? 'member'),
        })),
        refused: refused ? { [refused.form]: refused } : {},
      },
      refused ? 400 : 200,
    );
  }

  private async visibleDepartments(viewer: Viewer): Promise<readonly Department[]> {
    const { items } = await this.organization.listDepartments(viewer, { limit: MAX_PAGE_SIZE, cursor: null });
    return [...items].sort((left, right) => left.name.localeCompare(right.name));
  }

  private async visibleTeams(viewer: Viewer): Promise<readonly Team[]> {
    return (await this.organization.listTeams(viewer, { limit: MAX_PAGE_SIZE, cursor: null }, {})).items;
  }
}

function passwordOf(form: Query, { role }: Viewer): string | null {
  if (textOf(form, 'password') === undefined) return null;
  if (mayDo(role, 'directory.write'))
    return newPassword(form, [textOf(form, 'email') ?? '', textOf(form, 'name') ?? '']);
  throw new PermissionDeniedError('Passwords are set by administrators.', 'permission_denied', 'password');
}

const teamRow = (team: Team, department: string, keys: number) => ({
  id: team.id,
  name: team.name,
  department,
  keys,
  href: `${HOME}/${team.id}`,
  storesContent: team.storesContent,
  limits: team.limits,
  allowedModels: team.allowedModels?.join(', ') ?? null,
  requestsHref: `/admin/requests?team=${team.id}`,
  keysHref: `/admin/keys?team=${team.id}`,
});

const userRow = (user: UserWithTeams, teamName: ReadonlyMap<string, string>, viewerId: string) => ({
  href: `${HOME}/users/${user.id}`,
  name: user.name,
  email: user.email,
  role: ROLE_NAMES[user.role],
  // A team lead sees the names of their own teams only.
  teams: user.teamIds
    .map((id) => teamName.get(id))
    .filter((name) => name !== undefined)
    .join(', '),
  isDisabled: user.disabledAt !== null,
  isSelf: user.id === viewerId,
});
