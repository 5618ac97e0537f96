import { Body, Get, Param, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { Team } from '../../../access';
import { LiveConfig } from '../../../platform/config/live-config';
import { TranscriptsConfig } from '../../../transcripts';
import { LimitsDto, toLimits } from '../../dtos/limits.dto';
import { toTeamChanges, UpdateTeamDto } from '../../dtos/team.dto';
import { OrganizationManagement } from '../../management/organization-management';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { mayDo } from '../../authority/permissions';
import { Directory } from '../data/directory';
import { Pages, viewerIn } from '../render/pages';
import { checked, limitsOf, limitValues, namesOf, problemOf, textOf, type Query } from './fields';

/** One team: what it may use, and whether it keeps what is asked and answered. */
@ConsoleController('teams')
export class TeamPageController {
  constructor(
    private readonly pages: Pages,
    private readonly organization: OrganizationManagement,
    private readonly directory: Directory,
    private readonly config: LiveConfig,
  ) {}

  @Get(':id')
  @Permit('directory.read')
  async detail(@Param('id') id: string, @Res() response: Response): Promise<void> {
    await this.show(response, await this.organization.getTeam(viewerIn(response), id));
  }

  @Post(':id')
  @Permit('directory.write')
  async update(@Param('id') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    const viewer = viewerIn(response);
    const team = await this.organization.getTeam(viewer, id);
    try {
      const changes = await checked(UpdateTeamDto, {
        name: textOf(form, 'name') ?? '',
        limits: limitsOf(form) ?? null,
        allowed_models: namesOf(form, 'allowed_models') ?? null,
        store_content: form['store_content'] !== undefined,
      });
      await this.organization.updateTeam(viewer, id, toTeamChanges(changes));
    } catch (error) {
      await this.show(response, team, { values: form, problem: problemOf(error) }, 400);
      return;
    }
    response.redirect(303, `/admin/teams/${id}`);
  }

  /** Of its lead: limits within those that the team was given. */
  @Post(':id/own-limits')
  @Permit('limits.write')
  async limit(@Param('id') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    const viewer = viewerIn(response);
    const team = await this.organization.getTeam(viewer, id);
    try {
      const limits = toLimits(await checked(LimitsDto, limitsOf(form) ?? {}));
      await this.organization.limitTeam(viewer, id, limits);
    } catch (error) {
      await this.show(response, team, { own: form, ownProblem: problemOf(error) }, 400);
      return;
    }
    response.redirect(303, `/admin/teams/${id}`);
  }

  private async show(response: Response, team: Team, more: object = {}, status = 200): Promise<void> {
    const nameOf = await this.directory.names([team.departmentId]);
    const model = {
      title: team.name,
      id: team.id,
      department: nameOf(team.departmentId),
      storesContent: team.storesContent,
      retentionDays: this.config.section(TranscriptsConfig).retention_days,
      limits: team.limits,
      models: team.allowedModels?.join(', ') ?? null,
      mayWrite: mayDo(viewerIn(response).role, 'directory.write'),
      mayLimit: mayDo(viewerIn(response).role, 'limits.write'),
      mayBudget: mayDo(viewerIn(response).role, 'budgets.write'),
      ownLimits: team.ownLimits,
      own: limitValues(team.ownLimits),
      values: valuesOf(team),
    };
    this.pages.show(response, 'team', { ...model, ...more }, status);
  }
}

const valuesOf = (team: Team): Query => ({
  name: team.name,
  allowed_models: team.allowedModels?.join(', '),
  ...limitValues(team.limits),
  ...(team.storesContent ? { store_content: 'on' } : {}),
});
