import { Body, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { TeamsService } from '../access';
import { Permit } from './authority/permit.decorator';
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
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('teams', 'Teams')
export class TeamsController {
  constructor(private readonly teams: TeamsService) {}

  @Post()
  @Permit('directory.write')
  @ApiOperation({ summary: 'Create a team in a department' })
  @ApiCreatedResponse({ type: TeamDto })
  @Refuses(409)
  async create(@Body() body: CreateTeamDto): Promise<TeamDto> {
    return fromTeam(await this.teams.create(toTeam(body)));
  }

  @Get()
  @Permit('directory.read')
  @ApiOperation({ summary: 'List teams, newest first' })
  @ApiOkResponse({ type: TeamPageDto })
  async list(@Query() query: TeamQueryDto): Promise<TeamPageDto> {
    return fromPage(await this.teams.list(toPageRequest(query), query.department_id), fromTeam);
  }

  @Get(':id')
  @Permit('directory.read')
  @ApiOperation({ summary: 'One team' })
  @ApiOkResponse({ type: TeamDto })
  @Refuses(404)
  async get(@Id('team') id: string): Promise<TeamDto> {
    return fromTeam(await this.teams.get(id));
  }

  @Patch(':id')
  @Permit('directory.write')
  @ApiOperation({ summary: 'Change a team, its limits or its models' })
  @ApiOkResponse({ type: TeamDto })
  @Refuses(404, 409)
  async update(@Id('team') id: string, @Body() body: UpdateTeamDto): Promise<TeamDto> {
    return fromTeam(await this.teams.update(id, toTeamChanges(body)));
  }

  @Delete(':id')
  @Permit('directory.write')
  @ApiOperation({ summary: 'Delete a team that is not in use' })
  @HttpCode(204)
  @ApiNoContentResponse()
  @Refuses(404, 409)
  async remove(@Id('team') id: string): Promise<void> {
    await this.teams.remove(id);
  }
}
