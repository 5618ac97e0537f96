import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsObject, ValidateNested } from 'class-validator';
import type { Team, TeamFields } from '../../access';
import { IsIdOf, IsModelPatterns, IsName, MayBeAbsent, MayBeNull } from './fields';
import { fromLimits, LimitsDto, toLimits } from './limits.dto';
import { PageDto, PageQueryDto } from './page.dto';

export class CreateTeamDto {
  @ApiProperty({ example: 'search', minLength: 1, maxLength: 100 })
  @IsName()
  name!: string;

  @ApiProperty({ example: 'dep_01kb3v0000abcdefghjkmnpqrs' })
  @IsIdOf('dep')
  department_id!: string;

  @ApiPropertyOptional({ type: LimitsDto, nullable: true })
  @MayBeNull()
  @IsObject()
  @ValidateNested()
  @Type(() => LimitsDto)
  limits?: LimitsDto | null;

  @ApiPropertyOptional({ type: [String], nullable: true, example: ['gpt-4o*', 'anthropic/*'] })
  @MayBeNull()
  @IsModelPatterns()
  allowed_models?: string[] | null;

  @ApiPropertyOptional({
    default: false,
    description:
      'Keep prompts and answers of the team, encrypted and redacted, for `transcripts.retention_days`. Off: nothing is stored.',
  })
  @MayBeAbsent()
  @IsBoolean()
  store_content?: boolean;
}

export class UpdateTeamDto extends PartialType(CreateTeamDto, { skipNullProperties: false }) {}

export class TeamQueryDto extends PageQueryDto {
  @ApiPropertyOptional({ description: 'Only the teams of this department.' })
  @MayBeAbsent()
  @IsIdOf('dep')
  department_id?: string;
}

export class TeamDto {
  @ApiProperty({ example: 'team_01kb3v0000abcdefghjkmnpqrs' })
  id!: string;

  @ApiProperty({ example: 'search' })
  name!: string;

  @ApiProperty({ example: 'dep_01kb3v0000abcdefghjkmnpqrs' })
  department_id!: string;

  @ApiProperty({ type: LimitsDto, nullable: true })
  limits!: LimitsDto | null;

  @ApiProperty({ type: [String], nullable: true, example: ['gpt-4o*'] })
  allowed_models!: string[] | null;

  @ApiProperty({
    type: LimitsDto,
    nullable: true,
    description: 'What its lead set, within `limits`: the lower counts.',
  })
  own_limits!: LimitsDto | null;

  @ApiProperty({ description: 'Whether prompts and answers are kept.' })
  store_content!: boolean;

  @ApiProperty({ format: 'date-time', example: '2026-11-23T12:00:00.000Z' })
  created_at!: string;
}

export class TeamPageDto extends PageDto {
  @ApiProperty({ type: [TeamDto] })
  data!: TeamDto[];
}

export const toTeam = (dto: CreateTeamDto): TeamFields => ({
  name: dto.name,
  departmentId: dto.department_id,
  limits: toLimits(dto.limits),
  allowedModels: dto.allowed_models ?? null,
  storesContent: dto.store_content ?? false,
});

export const toTeamChanges = (dto: UpdateTeamDto): Partial<TeamFields> => ({
  ...(dto.name === undefined ? {} : { name: dto.name }),
  ...(dto.department_id === undefined ? {} : { departmentId: dto.department_id }),
  ...(dto.limits === undefined ? {} : { limits: toLimits(dto.limits) }),
  ...(dto.allowed_models === undefined ? {} : { allowedModels: dto.allowed_models }),
  ...(dto.store_content === undefined ? {} : { storesContent: dto.store_content }),
});

export const fromTeam = (team: Team): TeamDto => ({
  id: team.id,
  name: team.name,
  department_id: team.departmentId,
  limits: fromLimits(team.limits),
  own_limits: fromLimits(team.ownLimits),
  allowed_models: team.allowedModels,
  store_content: team.storesContent,
  created_at: team.createdAt.toISOString(),
});
