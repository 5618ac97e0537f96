import { isDeepStrictEqual } from 'node:util';
import { Body, Get, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { USER_ROLES, type UserWithTeams } from '../../../access';
import { mayDo } from '../../authority/permissions';
import { fromUser, toUserChanges, UpdateUserDto } from '../../dtos/user.dto';
import { UserManagement } from '../../management/user-management';
import { Id } from '../../id.decorator';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { Directory } from '../data/directory';
import { Pages, ROLE_NAMES, viewerIn } from '../render/pages';
import { checked, limitsOf, limitValues, listOf, namesOf, problemOf, textOf, type Query } from './fields';
import { newPassword } from './sign-in.controller';

const USERS = '/admin/teams#users';

/** One user: who they are, and what they may use. */
@ConsoleController('teams/users')
export class UserPageController {
  constructor(
    private readonly pages: Pages,
    private readonly users: UserManagement,
    private readonly directory: Directory,
  ) {}

  @Get(':id')
  @Permit('directory.read')
  async detail(@Id('user') id: string, @Res() response: Response): Promise<void> {
    await this.show(response, await this.users.get(viewerIn(response), id));
  }

  @Post(':id')
  @Permit('members.write')
  async update(@Id('user') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, id, { values: form }, async (user) => {
      const changes = await checked(UpdateUserDto, changesOf(form, user));
      await this.users.update(viewerIn(response), id, toUserChanges(changes));
    });
  }

  /** Sessions and keys of a disabled user end at once. */
  @Post(':id/disable')
  @Permit('members.write')
  async disable(@Id('user') id: string, @Res() response: Response): Promise<void> {
    await this.attempt(response, id, {}, async () => {
      await this.users.update(viewerIn(response), id, { disabled: true });
    });
  }

  @Post(':id/enable')
  @Permit('members.write')
  async enable(@Id('user') id: string, @Res() response: Response): Promise<void> {
    await this.attempt(response, id, {}, async () => {
      await this.users.update(viewerIn(response), id, { disabled: false });
    });
  }

  /** Ends the sessions of whoever signed in with the old one. */
  @Post(':id/password')
  @Permit('directory.write')
  async password(@Id('user') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, id, {}, async ({ email, name }) => {
      await this.users.setPassword(viewerIn(response), id, newPassword(form, [email, name]));
    });
  }

  @Post(':id/delete')
  @Permit('directory.write')
  async remove(@Id('user') id: string, @Res() response: Response): Promise<void> {
    await this.attempt(response, id, {}, () => this.users.remove(viewerIn(response), id), USERS);
  }

  private async attempt(
    response: Response,
    id: string,
    typed: { readonly values?: Query },
    change: (user: UserWithTeams) => Promise<void>,
    next = `/admin/teams/users/${id}`,
  ): Promise<void> {
    const user = await this.users.get(viewerIn(response), id);
    try {
      await change(user);
    } catch (error) {
      await this.show(response, user, { ...typed, problem: problemOf(error) }, 400);
      return;
    }
    this.pages.done(response, next, next === USERS ? 'deleted' : 'saved');
  }

  private async show(
    response: Response,
    user: UserWithTeams,
    refused: { readonly values?: Query; readonly problem?: object } = {},
    status = 200,
  ): Promise<void> {
    const viewer = viewerIn(response);
    const { role, scope } = viewer;
    const values = refused.values ?? valuesOf(user);
    const [choices, nameOf] = await Promise.all([this.directory.teams(scope), this.directory.names(user.teamIds)]);
    const chosen = listOf(values, 'team_ids');
    // Also a team that is beyond the end of a long list: what is not in the form would be taken away.
    const beyond = user.teamIds.filter((id) => choices.every((team) => team.id !== id));
    const teams = [...choices, ...beyond.map((id) => ({ id, name: nameOf(id) }))];
    this.pages.show(
      response,
      'user',
      {
        title: user.name,
        user: fromUser(user),
        roleName: ROLE_NAMES[user.role],
        teamNames: user.teamIds.map(nameOf).join(', '),
        limits: user.limits,
        models: user.allowedModels?.join(', '),
        isSelf: user.id === viewer.id,
        isAdmin: mayDo(role, 'directory.write'),
        // A team lead manages members only.
        mayWrite: mayDo(role, 'directory.write') || (mayDo(role, 'members.write') && user.role === 'member'),
        teams: teams.map((team) => ({ ...team, isChosen: chosen.includes(team.id) })),
        roles: USER_ROLES.map((each) => ({ value: each, label: ROLE_NAMES[each], isChosen: each === values['role'] })),
        problem: refused.problem,
        values,
      },
      status,
    );
  }
}

const valuesOf = (user: UserWithTeams): Query => ({
  name: user.name,
  email: user.email,
  role: user.role,
  team_ids: user.teamIds,
  allowed_models: user.allowedModels?.join(', '),
  ...limitValues(user.limits),
});

/** Only what differs: of some people a team lead may change the teams and nothing else. */
function changesOf(form: Query, user: UserWithTeams): Query {
  const before = new Map<string, unknown>(Object.entries(fromUser(user)));
  before.set('team_ids', [...user.teamIds].sort());
  const wanted: Query = {
    name: textOf(form, 'name') ?? '',
    // The form of a team lead has neither, and nobody's own has a role.
    ...(form['email'] === undefined ? {} : { email: textOf(form, 'email')?.toLowerCase() ?? '' }),
    ...(form['role'] === undefined ? {} : { role: textOf(form, 'role') ?? '' }),
    team_ids: listOf(form, 'team_ids').sort(),
    limits: limitsOf(form) ?? null,
    allowed_models: namesOf(form, 'allowed_models') ?? null,
  };
  return Object.fromEntries(
    Object.entries(wanted).filter(([name, value]) => !isDeepStrictEqual(value, before.get(name))),
  );
}
