import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import type { AuditEntry } from '../audit/audit-chain';
import type { AuditFilter } from '../audit/audit-queries';
import { MayBeAbsent } from './fields';
import { PageDto } from './page.dto';
import { TimeRangeQueryDto, toTimeRange } from './time-range.dto';

const ID = /^[a-z]{2,10}_[0-9a-z]{26}$/;

export class AuditQueryDto extends TimeRangeQueryDto {
  @ApiPropertyOptional({
    description: 'The user or key that made the change.',
    example: 'user_01kb3v0000abcdefghjkmnpqrs',
  })
  @MayBeAbsent()
  @Matches(ID, { message: '$property must be an id' })
  actor?: string;

  @ApiPropertyOptional({ description: 'What was done.', example: 'key.rotate' })
  @MayBeAbsent()
  @Matches(/^[a-z_]{1,40}\.[a-z_]{1,40}$/, { message: '$property must be written like key.rotate' })
  action?: string;

  @ApiPropertyOptional({ description: 'What it was done to.', example: 'key_01kb3v0000abcdefghjkmnpqrs' })
  @MayBeAbsent()
  @Matches(ID, { message: '$property must be an id' })
  target?: string;

  @ApiPropertyOptional({ description: 'The kind of what it was done to.', example: 'key' })
  @MayBeAbsent()
  @Matches(/^[a-z_]{1,40}$/, { message: '$property must be a word such as key' })
  target_type?: string;
}

class AuditActorDto {
  @ApiProperty({ enum: ['admin_key', 'key', 'person', 'system'], example: 'person' })
  kind!: string;

  @ApiProperty({ type: String, nullable: true, example: 'user_01kb3v0000abcdefghjkmnpqrs' })
  id!: string | null;

  @ApiProperty({ example: 'ada@example.com' })
  name!: string;

  @ApiProperty({ type: String, nullable: true, example: '203.0.113.7' })
  address!: string | null;
}

class AuditTargetDto {
  @ApiProperty({ example: 'key' })
  type!: string;

  @ApiProperty({ type: String, nullable: true, example: 'key_01kb3v0000abcdefghjkmnpqrs' })
  id!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'search backend' })
  name!: string | null;
}

export class AuditEntryDto {
  @ApiProperty({ example: 'aud_01kb3v0000abcdefghjkmnpqrs' })
  id!: string;

  @ApiProperty({ example: 1024, description: '1, 2, 3 … without a gap.' })
  sequence!: number;

  @ApiProperty({ format: 'date-time', example: '2026-11-23T12:00:00.000Z' })
  at!: string;

  @ApiProperty({ type: AuditActorDto })
  actor!: AuditActorDto;

  @ApiProperty({ example: 'key.update' })
  action!: string;

  @ApiProperty({ type: AuditTargetDto })
  target!: AuditTargetDto;

  @ApiProperty({ type: Object, nullable: true, description: 'Secrets masked; null: it did not exist.' })
  before!: unknown;

  @ApiProperty({ type: Object, nullable: true, description: 'Secrets masked; null: it does not exist any more.' })
  after!: unknown;
}

export class AuditPageDto extends PageDto {
  @ApiProperty({ type: [AuditEntryDto] })
  data!: AuditEntryDto[];
}

export function toAuditFilter(query: AuditQueryDto): AuditFilter {
  return {
    actorId: query.actor,
    action: query.action,
    targetId: query.target,
    targetType: query.target_type,
    ...toTimeRange(query),
  };
}

export const fromAuditEntry = (entry: AuditEntry): AuditEntryDto => ({
  id: entry.id,
  sequence: entry.sequence,
  at: entry.at.toISOString(),
  actor: { kind: entry.actorKind, id: entry.actorId, name: entry.actorLabel, address: entry.address },
  action: entry.action,
  target: { type: entry.targetType, id: entry.targetId, name: entry.targetLabel },
  before: entry.before,
  after: entry.after,
});
