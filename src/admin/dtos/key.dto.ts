import { ApiProperty, ApiPropertyOptional, OmitType, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { KEY_SCOPES, type ApiKey, type KeyChanges, type KeyFields, type KeyScope, type NewKey } from '../../access';
import { IsIdOf, IsModelPatterns, IsName, IsTime, MayBeAbsent, MayBeNull } from './fields';
import { fromLimits, LimitsDto, toLimits } from './limits.dto';
import { PageDto, PageQueryDto } from './page.dto';

/** A week: longer is not a grace but a second key. */
const MAX_GRACE_SECONDS = 7 * 24 * 3600;

export class CreateKeyDto {
  @ApiProperty({ example: 'search backend', minLength: 1, maxLength: 100 })
  @IsName()
  name!: string;

  @ApiPropertyOptional({ type: String, nullable: true, example: 'user_01kb3v0000abcdefghjkmnpqrs' })
  @MayBeNull()
  @IsIdOf('user')
  user_id?: string | null;

  @ApiProperty({ example: 'team_01kb3v0000abcdefghjkmnpqrs' })
  @IsIdOf('team')
  team_id!: string;

  @ApiPropertyOptional({ type: String, format: 'date-time', nullable: true, example: '2027-01-31T12:00:00Z' })
  @MayBeNull()
  @IsTime()
  expires_at?: string | null;

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

  @ApiPropertyOptional({ enum: KEY_SCOPES, isArray: true, default: ['inference'] })
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayUnique()
  @IsIn(KEY_SCOPES, { each: true })
  scopes?: KeyScope[];
}

/** A key keeps its team and user: what it has spent is on their account. */
export class UpdateKeyDto extends PartialType(OmitType(CreateKeyDto, ['team_id', 'user_id']), {
  skipNullProperties: false,
}) {
  @ApiPropertyOptional({ description: 'Switched off everywhere within a second, until it is switched on again.' })
  @MayBeAbsent()
  @IsBoolean()
  disabled?: boolean;
}

export class RotateKeyDto {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: MAX_GRACE_SECONDS,
    default: 0,
    description: 'How long the secret in use keeps working.',
  })
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(MAX_GRACE_SECONDS)
  grace_seconds?: number;
}

export class KeyQueryDto extends PageQueryDto {
  @ApiPropertyOptional({ description: 'Only the keys of this team.' })
  @MayBeAbsent()
  @IsIdOf('team')
  team_id?: string;

  @ApiPropertyOptional({ description: 'Only the keys of this user.' })
  @MayBeAbsent()
  @IsIdOf('user')
  user_id?: string;

  @ApiPropertyOptional({ enum: ['true', 'false'], default: 'false', description: 'Also the keys that were deleted.' })
  @MayBeAbsent()
  @IsIn(['true', 'false'])
  include_revoked?: 'true' | 'false';
}

export class KeyDto {
  @ApiProperty({ example: 'key_01kb3v0000abcdefghjkmnpqrs' })
  id!: string;

  @ApiProperty({ example: 'gw_a1B2c3D4', description: 'How the key begins; no secret.' })
  prefix!: string;

  @ApiProperty({ example: 'search backend' })
  name!: string;

  @ApiProperty({ type: String, nullable: true, example: 'user_01kb3v0000abcdefghjkmnpqrs' })
  user_id!: string | null;

  @ApiProperty({ example: 'team_01kb3v0000abcdefghjkmnpqrs' })
  team_id!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  expires_at!: string | null;

  @ApiProperty({ type: LimitsDto, nullable: true })
  limits!: LimitsDto | null;

  @ApiProperty({ type: [String], nullable: true, example: ['gpt-4o*'] })
  allowed_models!: string[] | null;

  @ApiProperty({ enum: KEY_SCOPES, isArray: true })
  scopes!: KeyScope[];

  @ApiProperty({ format: 'date-time', example: '2026-11-23T12:00:00.000Z' })
  created_at!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Up to half a minute late.' })
  last_used_at!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Since when it is switched off.' })
  disabled_at!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  revoked_at!: string | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'After a rotation: until when the secret before it works.',
  })
  previous_secret_expires_at!: string | null;
}

export class NewKeyDto extends KeyDto {
  @ApiProperty({ example: 'gw_a1B2c3D4_…', description: 'The key itself. It is shown this once.' })
  secret!: string;
}

export class KeyPageDto extends PageDto {
  @ApiProperty({ type: [KeyDto] })
  data!: KeyDto[];
}

const toTime = (text: string | null | undefined): Date | null => (text ? new Date(text) : null);
const fromTime = (time: Date | null): string | null => time?.toISOString() ?? null;

export const toKey = (dto: CreateKeyDto): KeyFields => ({
  name: dto.name,
  userId: dto.user_id ?? null,
  teamId: dto.team_id,
  expiresAt: toTime(dto.expires_at),
  limits: toLimits(dto.limits),
  allowedModels: dto.allowed_models ?? null,
  scopes: dto.scopes ?? ['inference'],
});

export const toKeyChanges = (dto: UpdateKeyDto): KeyChanges => ({
  ...(dto.name === undefined ? {} : { name: dto.name }),
  ...(dto.expires_at === undefined ? {} : { expiresAt: toTime(dto.expires_at) }),
  ...(dto.limits === undefined ? {} : { limits: toLimits(dto.limits) }),
  ...(dto.allowed_models === undefined ? {} : { allowedModels: dto.allowed_models }),
  ...(dto.scopes === undefined ? {} : { scopes: dto.scopes }),
  ...(dto.disabled === undefined ? {} : { disabled: dto.disabled }),
});

export const fromKey = (key: ApiKey): KeyDto => ({
  id: key.id,
  prefix: `gw_${key.publicId}`,
  name: key.name,
  user_id: key.userId,
  team_id: key.teamId,
  expires_at: fromTime(key.expiresAt),
  limits: fromLimits(key.limits),
  allowed_models: key.allowedModels,
  scopes: key.scopes,
  created_at: key.createdAt.toISOString(),
  last_used_at: fromTime(key.lastUsedAt),
  disabled_at: fromTime(key.disabledAt),
  revoked_at: fromTime(key.revokedAt),
  previous_secret_expires_at: fromTime(key.previousExpiresAt),
});

export const fromNewKey = ({ key, secret }: NewKey): NewKeyDto => Object.assign(fromKey(key), { secret });
