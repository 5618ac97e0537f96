import { Body, Get, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { Team } from '../../../access';
import { MAX_PAGE_SIZE } from '../../../core/page';
import { LiveConfig } from '../../../platform/config/live-config';
import { TranscriptsConfig } from '../../../transcripts';
import { LimitsDto, toLimits } from '../../dtos/limits.dto';
import { toTeamChanges, UpdateTeamDto } from '../../dtos/team.dto';
import { OrganizationManagement } from '../../management/organization-management';
import { UserManagement } from '../../management/user-management';
import { Id } from '../../id.decorator';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { mayDo } from '../../authority/permissions';
import { Directory } from '../data/directory';
import { Pages, ROLE_NAMES, viewerIn } from '../render/pages';
import { checked, limitsOf, limitValues, namesOf, problemOf, textOf, type Problem, type Query } from './fields';

/** Instead of what there is: a form that was refused. */
interface Shown {
  readonly values?: Query;
  readonly problem?: Problem;
  readonly own?: Query;
  readonly ownProblem?: Problem;
}

/** One team: what it may use, and whether it keeps what is asked and answered. */
@ConsoleController('teams')
export class TeamPageController {
  constructor(
    private readonly pages: Pages,
    private readonly organization: OrganizationManagement,
    private readonly users: UserManagement,
    private readonly directory: Directory,
    private readonly config: LiveConfig,
  ) {}

  @Get(':id')
  @Permit('directory.read')
  async detail(@Id('team') id: string, @Res() response: Response): Promise<void> {
    await this.show(response, await this.organization.getTeam(viewerIn(response), id));
  }

  @Post(':id')
  @Permit('directory.write')
  async update(@Id('team') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    const viewer = viewerIn(response);
    const team = await this.organization.getTeam(viewer, id);
    try {
      const changes = await checked(UpdateTeamDto, {
        name: textOf(form, 'name') ?? '',
        department_id: textOf(form, 'department_id'),
        limits: limitsOf(form) ?? null,
        allowed_models: namesOf(form, 'allowed_models') ?? null,
        store_content: form['store_content'] !== undefined,
      });
      await this.organization.updateTeam(viewer, id, toTeamChanges(changes));
    } catch (error) {
      await this.show(response, team, { values: form, problem: problemOf(error) }, 400);
      return;
    }
    this.pages.done(response, `/admin/teams/${id}`, 'saved');
  }

  /** Of its lead: limits within those that the team was given. */
  @Post(':id/own-limits')
  @Permit('limits.write')
  async limit(@Id('team') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    const viewer = viewerIn(response);
    const team = await this.organization.getTeam(viewer, id);
    try {
      const limits = toLimits(await checked(LimitsDto, limitsOf(form) ?? {}));
      await this.organization.limitTeam(viewer, id, limits);
    } catch (error) {
      await this.show(response, team, { own: form, ownProblem: problemOf(error) }, 400);
      return;
    }
    this.pages.done(response, `/admin/teams/${id}`, 'saved');
  }

  /** Refused while it has members or keys. */
  @Post(':id/delete')
  @Permit('directory.write')
  async remove(@Id('team') id: string, @Res() response: Response): Promise<void> {
    const viewer = viewerIn(response);
    const team = await this.organization.getTeam(viewer, id);
    try {
      await this.organization.removeTeam(viewer, id);
    } catch (error) {
      await this.show(response, team, { problem: problemOf(error) }, 400);
      return;
    }
    this.pages.done(response, '/admin/teams', 'deleted');
  }

  private async show(response: Response, team: Team, more: Shown = {}, status = 200): Promise<void> {
    const viewer = viewerIn(response);
    const values = more.values ?? valuesOf(team);
    const page = { limit: MAX_PAGE_SIZE, cursor: null };
    const [nameOf, departments, members] = await Promise.all([
      this.directory.names([team.departmentId]),
      this.directory.departments(),
      this.users.list(viewer, page, { teamId: team.id }),
    ]);
    const model = {
      title: team.name,
      id: team.id,
      department: nameOf(team.departmentId),
      storesContent: team.storesContent,
      retentionDays: this.config.section(TranscriptsConfig).retention_days,
      limits: team.limits,
      models: team.allowedModels?.join(', ') ?? null,
      mayWrite: mayDo(viewer.role, 'directory.write'),
      mayLimit: mayDo(viewer.role, 'limits.write'),
      mayBudget: mayDo(viewer.role, 'budgets.write'),
      ownLimits: team.ownLimits,
      own: limitValues(team.ownLimits),
      members: members.items.map(({ id, name, role, disabledAt }) => ({
        href: `/admin/teams/users/${id}`,
        name,
        role: ROLE_NAMES[role],
        isDisabled: disabledAt !== null,
      })),
      hasMore: members.nextCursor !== null,
      departments: departments.map((each) => ({ ...each, isChosen: each.id === values['department_id'] })),
      values,
    };
    this.pages.show(response, 'team', { ...model, ...more }, status);
  }
}

const valuesOf = (team: Team): Query => ({
  name: team.name,
  department_id: team.departmentId,
  allowed_models: team.allowedModels?.join(', '),
  ...limitValues(team.limits),
  ...(team.storesContent ? { store_content: 'on' } : {}),
});
