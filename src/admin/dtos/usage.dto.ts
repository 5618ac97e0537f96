import { csvLine } from './csv-line';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, Matches, MaxLength } from 'class-validator';
import type { UsageGroup, UsageQuery } from '../../billing';
import { InvalidRequestError } from '../../core/errors';
import { formatUsd } from '../../core/money';
import { IsTime, MayBeAbsent } from './fields';

const MAX_GROUP_BY_LENGTH = 400;
const DEFAULT_PERIOD_MS = 30 * 24 * 60 * 60_000;

export class UsageQueryDto {
  @ApiPropertyOptional({ description: 'Inclusive. Default: 30 days before `to`.', example: '2026-11-01T00:00:00Z' })
  @MayBeAbsent()
  @IsTime()
  from?: string;

  @ApiPropertyOptional({ description: 'Exclusive. Default: now.', example: '2026-12-01T00:00:00Z' })
  @MayBeAbsent()
  @IsTime()
  to?: string;

  @ApiPropertyOptional({
    description:
      'Any of day, hour (UTC), team, user, department, model, provider, key, metadata.<name>, separated by commas. Default: one sum.',
    example: 'day,team',
  })
  @MayBeAbsent()
  @IsString()
  @MaxLength(MAX_GROUP_BY_LENGTH)
  @Matches(/^[\w.-]+(,[\w.-]+)*$/, { message: '$property must be names separated by commas, such as day,team' })
  group_by?: string;
}

/** One group: its place in every dimension asked for, and its sums. */
export class UsageGroupDto {
  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'One property for each name in `group_by`.',
    example: '2026-11-23T00:00:00Z',
  })
  day?: string | null;

  @ApiProperty({ example: 1_024 })
  requests!: number;

  @ApiProperty({ example: 3, description: 'Requests that ended with an error.' })
  errors!: number;

  @ApiProperty({ example: 120_000 })
  input_tokens!: number;

  @ApiProperty({ example: 80_000 })
  cache_read_tokens!: number;

  @ApiProperty({ example: 0 })
  cache_write_tokens!: number;

  @ApiProperty({ example: 30_000 })
  output_tokens!: number;

  @ApiProperty({ example: 0 })
  reasoning_tokens!: number;

  @ApiProperty({ example: 150_000 })
  total_tokens!: number;

  @ApiProperty({ example: '0.6' })
  cost_usd!: string;

  @ApiProperty({ example: '0.12', description: 'What answers from the cache would have cost.' })
  saved_usd!: string;
}

export class UsageReportDto {
  @ApiProperty({ type: [UsageGroupDto] })
  data!: UsageGroupDto[];

  @ApiProperty({ example: '2026-11-01T00:00:00.000Z' })
  from!: string;

  @ApiProperty({ example: '2026-12-01T00:00:00.000Z' })
  to!: string;
}

export function toUsageQuery(query: UsageQueryDto, nowMs: number): UsageQuery {
  const to = query.to === undefined ? new Date(nowMs) : new Date(query.to);
  const from = query.from === undefined ? new Date(to.getTime() - DEFAULT_PERIOD_MS) : new Date(query.from);
  if (from >= to) throw new InvalidRequestError('"from" must be before "to".', 'from');
  const groupBy = [...new Set(query.group_by?.split(',') ?? [])];
  return { from, to, groupBy };
}

export const fromUsageGroup = (group: UsageGroup): UsageGroupDto => ({ ...group.dimensions, ...sums(group) });

const sums = (group: UsageGroup) => ({
  requests: group.requests,
  errors: group.errors,
  input_tokens: group.inputTokens,
  cache_read_tokens: group.cacheReadTokens,
  cache_write_tokens: group.cacheWriteTokens,
  output_tokens: group.outputTokens,
  reasoning_tokens: group.reasoningTokens,
  total_tokens: group.inputTokens + group.outputTokens,
  cost_usd: formatUsd(group.costNanoUsd),
  saved_usd: formatUsd(group.savedNanoUsd),
});

/** A report as CSV, line by line. */
export async function* toUsageCsv(
  groups: AsyncIterable<UsageGroup>,
  groupBy: readonly string[],
): AsyncGenerator<string> {
  let header: string[] | null = null;
  for await (const group of groups) {
    const values = sums(group);
    if (!header) {
      header = [...groupBy, ...Object.keys(values)];
      yield csvLine(header);
    }
    yield csvLine([...groupBy.map((name) => group.dimensions[name] ?? ''), ...Object.values(values).map(String)]);
  }
  if (!header) yield csvLine([...groupBy, 'requests']);
}
