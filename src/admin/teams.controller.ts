import { Body, Delete, Get, HttpCode, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import { LimitsDto, toLimits } from './dtos/limits.dto';
import { fromPage, toPageRequest } from './dtos/page.dto';
import {
  CreateTeamDto,
  fromTeam,
  TeamDto,
  TeamPageDto,
  TeamQueryDto,
  toTeam,
  toTeamChanges,
  UpdateTeamDto,
} from './dtos/team.dto';
import { Id } from './id.decorator';
import { OrganizationManagement } from './management/organization-management';
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('teams', 'Teams')
export class TeamsController {
  constructor(private readonly organization: OrganizationManagement) {}

  @Post()
  @Permit('directory.write')
  @ApiOperation({ summary: 'Create a team in a department' })
  @ApiCreatedResponse({ type: TeamDto })
  @Refuses(409)
  async create(@By() caller: Caller, @Body() body: CreateTeamDto): Promise<TeamDto> {
    return fromTeam(await this.organization.createTeam(caller, toTeam(body)));
  }

  @Get()
  @Permit('directory.read')
  @ApiOperation({ summary: 'List teams, newest first' })
  @ApiOkResponse({ type: TeamPageDto })
  async list(@By() caller: Caller, @Query() query: TeamQueryDto): Promise<TeamPageDto> {
    return fromPage(
      await this.organization.listTeams(caller, toPageRequest(query), { departmentId: query.department_id }),
      fromTeam,
    );
  }

  @Get(':id')
  @Permit('directory.read')
  @ApiOperation({ summary: 'One team' })
  @ApiOkResponse({ type: TeamDto })
  @Refuses(404)
  async get(@By() caller: Caller, @Id('team') id: string): Promise<TeamDto> {
    return fromTeam(await this.organization.getTeam(caller, id));
  }

  @Patch(':id')
  @Permit('directory.write')
  @ApiOperation({ summary: 'Change a team, its limits or its models' })
  @ApiOkResponse({ type: TeamDto })
  @Refuses(404, 409)
  async update(@By() caller: Caller, @Id('team') id: string, @Body() body: UpdateTeamDto): Promise<TeamDto> {
    return fromTeam(await this.organization.updateTeam(caller, id, toTeamChanges(body)));
  }

  /** For its lead: limits of the team's own, at most those it was given. Of both the lower counts; what is left out is as given. */
  @Put(':id/own-limits')
  @Permit('limits.write')
  @ApiOperation({ summary: 'Limit a team further, within what it was given' })
  @ApiOkResponse({ type: TeamDto })
  @Refuses(404)
  async limit(@By() caller: Caller, @Id('team') id: string, @Body() body: LimitsDto): Promise<TeamDto> {
    return fromTeam(await this.organization.limitTeam(caller, id, toLimits(body)));
  }

  @Delete(':id')
  @Permit('directory.write')
  @ApiOperation({ summary: 'Delete a team that is not in use' })
  @HttpCode(204)
  @ApiNoContentResponse()
  @Refuses(404, 409)
  async remove(@By() caller: Caller, @Id('team') id: string): Promise<void> {
    await this.organization.removeTeam(caller, id);
  }
}
