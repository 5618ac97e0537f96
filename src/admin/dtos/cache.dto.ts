import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsString, Length, Matches, Max, Min } from 'class-validator';
import { formatUsd } from '../../core/money';
import { KEPT_HOURS, wilsonInterval, type CacheEntryView, type CacheOverview } from '../../semantic-cache';
import { FromText, MayBeAbsent } from './fields';
import { PageDto } from './page.dto';

const MAX_MODEL_LENGTH = 256;
const SCOPE = /^(organization|(key|user|team|department):[a-z]+_[0-9a-z]{26})$/;

/** How far back counts go. */
export class CacheOverviewQueryDto {
  @ApiPropertyOptional({
    minimum: 1,
    maximum: KEPT_HOURS,
    default: KEPT_HOURS,
    type: 'integer',
    description: 'Hours that are counted, the one that runs included.',
  })
  @MayBeAbsent()
  @FromText()
  @IsInt()
  @Min(1)
  @Max(KEPT_HOURS)
  hours?: number;
}

/** Which entries are to be removed; all that fit every field. */
export class CacheRemovalQueryDto {
  @ApiPropertyOptional({ description: 'The model clients asked for.', example: 'gpt-4o-mini' })
  @MayBeAbsent()
  @IsString()
  @Length(1, MAX_MODEL_LENGTH)
  model?: string;

  @ApiPropertyOptional({
    description: '`team:team_…`, `user:user_…`, `key:key_…`, `department:dep_…` or `organization`.',
  })
  @MayBeAbsent()
  @Matches(SCOPE, { message: '$property must be organization, or key, user, team or department, a colon and the id' })
  scope?: string;
}

export class CacheRemovalDto {
  @ApiProperty({ description: 'How many entries were removed.', type: 'integer' })
  removed!: number;
}

export class CacheEntryDto {
  @ApiProperty()
  id!: string;

  @ApiProperty({ description: 'Who shares it.', example: 'team:team_06f4…' })
  scope!: string;

  @ApiProperty({ description: 'The model that was asked for.' })
  requested_model!: string;

  @ApiProperty()
  provider!: string;

  @ApiProperty({ description: 'The model that answered.' })
  model!: string;

  @ApiProperty({ description: 'What a replay saves, in USD.', example: '0.00042' })
  cost_usd!: string;

  @ApiProperty({ type: 'integer' })
  bytes!: number;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ format: 'date-time' })
  expires_at!: string;
}

/** The entries that live longest first. */
export class CacheEntryPageDto extends PageDto {
  @ApiProperty({ type: [CacheEntryDto] })
  data!: CacheEntryDto[];
}

class CacheHitsDto {
  @ApiProperty({ type: 'integer', description: 'The same text.' })
  exact!: number;

  @ApiProperty({ type: 'integer', description: 'The same but for its surface.' })
  canonical!: number;

  @ApiProperty({ type: 'integer', description: 'One that was being answered at the time.' })
  coalesced!: number;

  @ApiProperty({ type: 'integer', description: 'Another question that a judge found to have the same answer.' })
  alias!: number;

  @ApiProperty({ type: 'integer', description: 'Another question with the same matter.' })
  semantic!: number;
}

class CachePrecisionDto {
  @ApiProperty({ type: 'integer', description: 'Hits that callers called right.' })
  right!: number;

  @ApiProperty({ type: 'integer', description: 'Hits that callers called wrong.' })
  wrong!: number;

  @ApiProperty({ type: Number, nullable: true, description: 'Share of the judged hits that were right.' })
  share!: number | null;

  @ApiProperty({ type: [Number], nullable: true, description: 'Its 95 % interval (Wilson).' })
  interval!: [number, number] | null;
}

class CheckedHitsDto {
  @ApiProperty()
  team_id!: string;

  @ApiProperty({ description: 'The model that was asked for.' })
  model!: string;

  @ApiProperty({ type: 'integer', description: 'The provider said the same.' })
  right!: number;

  @ApiProperty({ type: 'integer', description: 'The provider said something else.' })
  wrong!: number;

  @ApiProperty({ type: 'integer', description: 'Neither is clear.' })
  unsure!: number;

  @ApiProperty({ type: Number, nullable: true, description: 'Wrong of right and wrong.' })
  false_hit_rate!: number | null;

  @ApiProperty({ type: [Number], nullable: true, description: 'Its 95 % interval (Wilson).' })
  interval!: [number, number] | null;
}

class CacheExpensesDto {
  @ApiProperty({ description: 'Vectors of a provider.', example: '0.01' })
  embeddings!: string;

  @ApiProperty({ description: 'Hits that were checked.', example: '0.03' })
  shadow!: string;

  @ApiProperty({ description: 'Near misses that were judged.', example: '0.01' })
  judge!: string;
}

/** Counts are of all replicas that share a Redis, else of this process since it started; entries and bytes are of the store. */
export class CacheOverviewDto {
  @ApiProperty()
  enabled!: boolean;

  @ApiProperty({ example: 'conservative' })
  mode!: string;

  @ApiProperty({ example: 0.95 })
  similarity_threshold!: number;

  @ApiProperty({ type: 'integer' })
  ttl_seconds!: number;

  @ApiProperty({ example: 'team' })
  scope!: string;

  @ApiProperty({ format: 'date-time', description: 'Since when the counts run.' })
  since!: string;

  @ApiProperty({ type: 'integer' })
  entries!: number;

  @ApiProperty({ type: 'integer' })
  bytes!: number;

  @ApiProperty({ type: 'integer', description: 'Questions that can be found by their likeness.' })
  vectors!: number;

  @ApiProperty({ type: 'integer', description: 'Memory of their vectors in this replica.' })
  vector_bytes!: number;

  @ApiProperty({ type: CacheHitsDto })
  hits!: CacheHitsDto;

  @ApiProperty({ type: 'integer' })
  misses!: number;

  @ApiProperty({ type: 'integer', description: 'Requests that the cache was not asked for.' })
  bypasses!: number;

  @ApiProperty({
    type: 'integer',
    description: 'Misses that every provider failed and an answer past its time stood in for.',
  })
  stale!: number;

  @ApiProperty({ type: Number, nullable: true, description: 'Hits of hits and misses; null before the first.' })
  hit_rate!: number | null;

  @ApiProperty({ description: 'What the hits would have cost.', example: '1.25' })
  saved_usd!: string;

  @ApiProperty({ type: CacheExpensesDto, description: 'What the cache itself has spent with providers.' })
  spent_usd!: CacheExpensesDto;

  @ApiProperty({ description: 'What was saved less what was spent.', example: '1.2' })
  net_saved_usd!: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'integer' },
    description: 'Near misses put to a judge, by outcome: same (linked), different, unclear, other_answer, failed, …',
  })
  judged!: Readonly<Record<string, number>>;

  @ApiProperty({ type: CachePrecisionDto, description: 'By the verdicts of callers.' })
  precision!: CachePrecisionDto;

  @ApiProperty({ type: [CheckedHitsDto], description: 'Semantic hits for which the provider was asked all the same.' })
  checked!: CheckedHitsDto[];
}

const time = (milliseconds: number): string => new Date(milliseconds).toISOString();

export const fromCacheEntry = (entry: CacheEntryView): CacheEntryDto => ({
  id: entry.id,
  scope: entry.scope,
  requested_model: entry.requestedModel,
  provider: entry.provider,
  model: entry.model,
  cost_usd: formatUsd(entry.costNanoUsd),
  bytes: entry.bytes,
  created_at: time(entry.createdAtMs),
  expires_at: time(entry.expiresAtMs),
});

export function fromCacheOverview({
  config,
  counts,
  size,
  vectors,
  sinceMs,
  ...rest
}: CacheOverview): CacheOverviewDto {
  const hits = Object.values(counts.hits).reduce((sum, count) => sum + count, 0);
  const asked = hits + counts.misses;
  const { spentNanoUsd: spent } = counts;
  const { enabled, mode, similarity_threshold, ttl_seconds, scope } = config;
  return {
    enabled,
    mode,
    similarity_threshold,
    ttl_seconds,
    scope,
    since: time(sinceMs),
    ...size,
    vectors: vectors.vectors,
    vector_bytes: vectors.bytes,
    hits: counts.hits,
    misses: counts.misses,
    bypasses: counts.bypasses,
    stale: counts.stale,
    hit_rate: asked === 0 ? null : hits / asked,
    saved_usd: formatUsd(counts.savedNanoUsd),
    spent_usd: {
      embeddings: formatUsd(spent.embeddings),
      shadow: formatUsd(spent.shadow),
      judge: formatUsd(spent.judge),
    },
    net_saved_usd: formatUsd(counts.savedNanoUsd - spent.embeddings - spent.shadow - spent.judge),
    judged: counts.judged,
    precision: precisionOf(counts.right, counts.wrong),
    checked: rest.checked.map(fromChecked),
  };
}

function precisionOf(right: number, wrong: number): CachePrecisionDto {
  const judged = right + wrong;
  return { right, wrong, share: judged === 0 ? null : right / judged, interval: wilsonInterval(right, judged) };
}

function fromChecked({ teamId, model, right, wrong, unsure }: CacheOverview['checked'][number]): CheckedHitsDto {
  const judged = right + wrong;
  return {
    team_id: teamId,
    model,
    right,
    wrong,
    unsure,
    false_hit_rate: judged === 0 ? null : wrong / judged,
    interval: wilsonInterval(wrong, judged),
  };
}
