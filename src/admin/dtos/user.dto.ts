import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsEmail,
  IsIn,
  IsObject,
  IsString,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { USER_ROLES, type UserChanges, type UserFields, type UserRole, type UserWithTeams } from '../../access';
import { MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from '../authority/strong-password';
import { IsIdOf, IsModelPatterns, IsName, MayBeAbsent, MayBeNull } from './fields';
import { fromLimits, LimitsDto, toLimits } from './limits.dto';
import { PageDto, PageQueryDto } from './page.dto';

const MAX_TEAMS = 200;

export class CreateUserDto {
  @ApiProperty({ format: 'email', example: 'ada@example.com' })
  @IsEmail({ require_tld: false })
  email!: string;

  @ApiProperty({ example: 'Ada Lovelace', minLength: 1, maxLength: 100 })
  @IsName()
  name!: string;

  @ApiProperty({ type: [String], example: ['team_01kb3v0000abcdefghjkmnpqrs'] })
  @IsArray()
  @ArrayMaxSize(MAX_TEAMS)
  @IsIdOf('team', true)
  team_ids!: string[];

  @ApiProperty({ enum: USER_ROLES, example: 'member' })
  @IsIn(USER_ROLES)
  role!: UserRole;

  @ApiPropertyOptional({ type: LimitsDto, nullable: true })
  @MayBeNull()
  @IsObject()
  @ValidateNested()
  @Type(() => LimitsDto)
  limits?: LimitsDto | null;

  @ApiPropertyOptional({ type: [String], nullable: true, example: ['gpt-4o*'] })
  @MayBeNull()
  @IsModelPatterns()
  allowed_models?: string[] | null;
}

export class UpdateUserDto extends PartialType(CreateUserDto, { skipNullProperties: false }) {
  @ApiPropertyOptional({ description: 'True: neither the user nor their keys may do anything.' })
  @MayBeAbsent()
  @IsBoolean()
  disabled?: boolean;
}

export class PasswordDto {
  @ApiProperty({ minLength: MIN_PASSWORD_LENGTH, maxLength: MAX_PASSWORD_LENGTH, example: 'tundra ledger violin moss' })
  @IsString()
  @MaxLength(MAX_PASSWORD_LENGTH)
  password!: string;
}

export class UserQueryDto extends PageQueryDto {
  @ApiPropertyOptional({ description: 'Only the members of this team.' })
  @MayBeAbsent()
  @IsIdOf('team')
  team_id?: string;
}

export class UserDto {
  @ApiProperty({ example: 'user_01kb3v0000abcdefghjkmnpqrs' })
  id!: string;

  @ApiProperty({ example: 'ada@example.com', description: 'In lower case.' })
  email!: string;

  @ApiProperty({ example: 'Ada Lovelace' })
  name!: string;

  @ApiProperty({ type: [String], example: ['team_01kb3v0000abcdefghjkmnpqrs'] })
  team_ids!: string[];

  @ApiProperty({ enum: USER_ROLES, example: 'member' })
  role!: UserRole;

  @ApiProperty({ type: LimitsDto, nullable: true })
  limits!: LimitsDto | null;

  @ApiProperty({ type: [String], nullable: true, example: ['gpt-4o*'] })
  allowed_models!: string[] | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: null })
  disabled_at!: string | null;

  @ApiProperty({ format: 'date-time', example: '2026-11-23T12:00:00.000Z' })
  created_at!: string;
}

export class UserPageDto extends PageDto {
  @ApiProperty({ type: [UserDto] })
  data!: UserDto[];
}

export const toUser = (dto: CreateUserDto): UserFields => ({
  email: dto.email,
  name: dto.name,
  role: dto.role,
  teamIds: dto.team_ids,
  limits: toLimits(dto.limits),
  allowedModels: dto.allowed_models ?? null,
});

export const toUserChanges = (dto: UpdateUserDto): UserChanges => ({
  ...(dto.email === undefined ? {} : { email: dto.email }),
  ...(dto.name === undefined ? {} : { name: dto.name }),
  ...(dto.role === undefined ? {} : { role: dto.role }),
  ...(dto.team_ids === undefined ? {} : { teamIds: dto.team_ids }),
  ...(dto.limits === undefined ? {} : { limits: toLimits(dto.limits) }),
  ...(dto.allowed_models === undefined ? {} : { allowedModels: dto.allowed_models }),
  ...(dto.disabled === undefined ? {} : { disabled: dto.disabled }),
});

export const fromUser = (user: UserWithTeams): UserDto => ({
  id: user.id,
  email: user.email,
  name: user.name,
  team_ids: user.teamIds,
  role: user.role,
  limits: fromLimits(user.limits),
  allowed_models: user.allowedModels,
  disabled_at: user.disabledAt?.toISOString() ?? null,
  created_at: user.createdAt.toISOString(),
});
