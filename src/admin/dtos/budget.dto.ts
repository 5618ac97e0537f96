import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsNumber,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import {
  BUDGET_PERIODS,
  BUDGET_SCOPES,
  type BudgetChanges,
  type BudgetFields,
  type BudgetPeriod,
  type BudgetScope,
  exhaustionOf,
  forecastOf,
  type StandingBudget,
} from '../../billing';
import { InvalidRequestError } from '../../core/errors';
import { DegradeDto, toDegradation } from './degrade.dto';
import { formatUsd } from '../../core/money';
import { IsAmount, toAmount } from './amount';
import { IsModelPatterns, IsName, MayBeAbsent, MayBeNull } from './fields';
import { PageDto } from './page.dto';
import { toZone } from './time-zone';

const MAX_ALERTS = 20;
const MAX_ZONE_LENGTH = 64;

/** The alerts of a budget that names none. */
const DEFAULT_ALERTS = [0.5, 0.8, 1];

export class CreateBudgetDto {
  @ApiProperty({ enum: BUDGET_SCOPES, example: 'department' })
  @IsIn(BUDGET_SCOPES)
  scope!: BudgetScope;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'Of the department, team, user or key. Not for `organization`.',
    example: 'dep_01kb3v0000abcdefghjkmnpqrs',
  })
  @MayBeNull()
  @Matches(/^(dep|team|user|key)_[0-9a-z]{26}$/, { message: '$property must be an id such as dep_…, team_…' })
  scope_id?: string | null;

  @ApiPropertyOptional({ description: 'What refusals and alerts call it. Default: its period.', example: 'research' })
  @MayBeAbsent()
  @IsName()
  name?: string;

  @ApiProperty({ example: '500', description: 'Decimal text in USD, above zero.' })
  @IsAmount()
  limit_usd!: string;

  @ApiProperty({ enum: BUDGET_PERIODS, example: 'month', description: 'Calendar periods in `timezone`.' })
  @IsIn(BUDGET_PERIODS)
  period!: BudgetPeriod;

  @ApiPropertyOptional({ default: 'UTC', example: 'Europe/Berlin', description: 'IANA name.' })
  @MayBeAbsent()
  @IsString()
  @MaxLength(MAX_ZONE_LENGTH)
  timezone?: string;

  @ApiPropertyOptional({ default: true, description: '`false`: counts and alerts, never refuses.' })
  @MayBeAbsent()
  @IsBoolean()
  hard?: boolean;

  @ApiPropertyOptional({ type: [Number], default: DEFAULT_ALERTS, description: 'Fractions of the limit.' })
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(MAX_ALERTS)
  @ArrayUnique()
  @IsNumber({}, { each: true })
  @Min(0.01, { each: true })
  @Max(10, { each: true })
  alerts?: number[];

  @ApiPropertyOptional({
    type: [String],
    nullable: true,
    example: ['gpt-4o*'],
    description: 'Count only calls for these models; null: all.',
  })
  @MayBeNull()
  @IsModelPatterns()
  models?: string[] | null;

  @ApiPropertyOptional({ type: DegradeDto, nullable: true, description: 'Steps before it is used up; null: none.' })
  @MayBeNull()
  @IsObject()
  @ValidateNested()
  @Type(() => DegradeDto)
  degrade?: DegradeDto | null;
}

/** What a budget is about cannot be changed: what was spent would say nothing any more. */
export class UpdateBudgetDto {
  @ApiPropertyOptional({ example: 'research' })
  @MayBeAbsent()
  @IsName()
  name?: string;

  @ApiPropertyOptional({ example: '750' })
  @MayBeAbsent()
  @IsAmount()
  limit_usd?: string;

  @ApiPropertyOptional()
  @MayBeAbsent()
  @IsBoolean()
  hard?: boolean;

  @ApiPropertyOptional({ type: [Number] })
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(MAX_ALERTS)
  @ArrayUnique()
  @IsNumber({}, { each: true })
  @Min(0.01, { each: true })
  @Max(10, { each: true })
  alerts?: number[];

  @ApiPropertyOptional({ type: [String], nullable: true })
  @MayBeNull()
  @IsModelPatterns()
  models?: string[] | null;

  @ApiPropertyOptional({ type: DegradeDto, nullable: true })
  @MayBeNull()
  @IsObject()
  @ValidateNested()
  @Type(() => DegradeDto)
  degrade?: DegradeDto | null;
}

export class BudgetDto {
  @ApiProperty({ example: 'bud_01kb3v0000abcdefghjkmnpqrs' })
  id!: string;

  @ApiProperty({ example: 'per month' })
  name!: string;

  @ApiProperty({ enum: ['api', 'config'], description: '`config`: changed in the configuration file only.' })
  source!: 'api' | 'config';

  @ApiProperty({ description: 'Made by a team lead, who may change it.' })
  delegated!: boolean;

  @ApiProperty({ enum: BUDGET_SCOPES })
  scope!: BudgetScope;

  @ApiProperty({ type: String, nullable: true })
  scope_id!: string | null;

  @ApiProperty({ example: '500' })
  limit_usd!: string;

  @ApiProperty({ enum: BUDGET_PERIODS })
  period!: BudgetPeriod;

  @ApiProperty({ example: 'UTC' })
  timezone!: string;

  @ApiProperty()
  hard!: boolean;

  @ApiProperty({ type: [Number] })
  alerts!: number[];

  @ApiProperty({ type: [String], nullable: true })
  models!: string[] | null;

  @ApiProperty({ type: DegradeDto, nullable: true })
  degrade!: DegradeDto | null;

  @ApiProperty({ example: '120.5', description: 'In this period.' })
  spent_usd!: string;

  @ApiProperty({ example: '2', description: 'Set aside for calls that run, and for the next ones.' })
  held_usd!: string;

  @ApiProperty({ example: '377.5', description: 'Of the limit and the top-ups in force; never below zero.' })
  remaining_usd!: string;

  @ApiProperty({
    type: String,
    nullable: true,
    example: '480',
    description: 'At the end of the period, at the pace so far; null without an end, and in the first 2 % of it.',
  })
  forecast_usd!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Null: never.' })
  resets_at!: string | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When it is used up at the pace of this period; null: not before it resets, or too early to tell.',
  })
  exhausted_at!: string | null;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;
}

export class BudgetPageDto extends PageDto {
  @ApiProperty({ type: [BudgetDto] })
  data!: BudgetDto[];
}

/** Throws `InvalidRequestError` with the field that is wrong. */
export function toBudget(dto: CreateBudgetDto): BudgetFields {
  const scopeId = toScopeId(dto);
  return {
    scope: dto.scope,
    scopeId,
    name: dto.name ?? (dto.period === 'total' ? 'total' : `per ${dto.period}`),
    limitNanoUsd: toAmount(dto.limit_usd, 'limit_usd'),
    period: dto.period,
    timezone: toZone(dto.timezone ?? 'UTC'),
    hard: dto.hard ?? true,
    alerts: dto.alerts ?? DEFAULT_ALERTS,
    models: dto.models ?? null,
    degrade: toDegradation(dto.degrade ?? null),
  };
}

function toScopeId({ scope, scope_id: scopeId = null }: CreateBudgetDto): string | null {
  if (scope === 'organization' && scopeId !== null) {
    throw new InvalidRequestError('scope_id has no meaning with scope organization: leave it out.', 'scope_id');
  }
  if (scope !== 'organization' && scopeId === null) {
    throw new InvalidRequestError(`scope_id is required with scope ${scope}: the id of the ${scope}.`, 'scope_id');
  }
  return scopeId;
}

export const toBudgetChanges = (dto: UpdateBudgetDto): BudgetChanges => ({
  ...(dto.name === undefined ? {} : { name: dto.name }),
  ...(dto.limit_usd === undefined ? {} : { limitNanoUsd: toAmount(dto.limit_usd, 'limit_usd') }),
  ...(dto.hard === undefined ? {} : { hard: dto.hard }),
  ...(dto.alerts === undefined ? {} : { alerts: dto.alerts }),
  ...(dto.models === undefined ? {} : { models: dto.models }),
  ...(dto.degrade === undefined ? {} : { degrade: toDegradation(dto.degrade) }),
});

/** What was decided, without what is spent: that changes all the time, and by nobody's hand. */
export const fromTerms = (budget: BudgetFields & Pick<StandingBudget, 'degrade'>) => ({
  name: budget.name,
  scope: budget.scope,
  scope_id: budget.scopeId,
  limit_usd: formatUsd(budget.limitNanoUsd),
  period: budget.period,
  timezone: budget.timezone,
  hard: budget.hard,
  alerts: budget.alerts,
  models: budget.models,
  degrade: budget.degrade,
});

export function fromBudget({ standing, ...budget }: StandingBudget, nowMs: number): BudgetDto {
  const { allowedNanoUsd, spentNanoUsd, heldNanoUsd, resetsAt } = standing;
  const remaining = allowedNanoUsd - spentNanoUsd - heldNanoUsd;
  const forecast = forecastOf(standing, nowMs);
  return {
    id: budget.id,
    source: budget.source,
    delegated: budget.delegated,
    ...fromTerms(budget),
    spent_usd: formatUsd(spentNanoUsd),
    held_usd: formatUsd(heldNanoUsd),
    remaining_usd: formatUsd(remaining > 0n ? remaining : 0n),
    forecast_usd: forecast === null ? null : formatUsd(forecast),
    exhausted_at: exhaustionOf(standing, budget.createdAt, nowMs)?.toISOString() ?? null,
    resets_at: resetsAt?.toISOString() ?? null,
    created_at: budget.createdAt.toISOString(),
  };
}
