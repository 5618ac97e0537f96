import { Injectable } from '@nestjs/common';
import { BudgetsService, forecastOf, type StandingBudget } from '../../../billing';
import { MAX_PAGE_SIZE } from '../../../core/page';
import type { Scope } from '../../../core/scope';
import { Clock } from '../../../platform/clock';
import { showUsd } from '../render/format';
import { Directory } from './directory';

/** More than a person reads; the management API pages through all. */
const MAX_BUDGETS = 1_000;

/** A budget as a page shows it. */
export interface BudgetRow {
  readonly id: string;
  readonly href: string;
  readonly name: string;
  readonly owner: string;
  readonly scope: string;
  readonly period: string;
  readonly isHard: boolean;
  readonly isFromFile: boolean;
  readonly isOfLead: boolean;
  readonly allowed: bigint;
  readonly spent: bigint;
  readonly held: bigint;
  readonly left: bigint;
  /** Spent, of what is allowed: 0.5 is half. */
  readonly ratio: number;
  readonly share: string;
  readonly width: string;
  readonly heldWidth: string;
  readonly tone: 'good' | 'warn' | 'bad';
  readonly forecast: bigint | null;
  readonly forecastTone: 'quiet' | 'warn' | 'bad';
  readonly forecastNote: string;
  readonly resetsAt: Date | null;
}

/** Budgets that a person may see, with how they stand. */
@Injectable()
export class VisibleBudgets {
  constructor(
    private readonly budgets: BudgetsService,
    private readonly directory: Directory,
    private readonly clock: Clock,
  ) {}

  /** Those that will be spent first come first. */
  async rows(scope: Scope): Promise<BudgetRow[]> {
    const visible = await this.all(scope);
    const nameOf = await this.directory.names(visible.map(({ scopeId }) => scopeId));
    const nowMs = this.clock.now();
    return visible.map((budget) => rowOf(budget, nameOf, nowMs)).sort((left, right) => right.ratio - left.ratio);
  }

  /** Throws `NotFoundError` for what does not exist and for what is somebody else's. */
  async get(id: string, scope: Scope): Promise<{ readonly budget: StandingBudget; readonly row: BudgetRow }> {
    const budget = await this.budgets.get(id, { scope });
    const nameOf = await this.directory.names([budget.scopeId]);
    return { budget, row: rowOf(budget, nameOf, this.clock.now()) };
  }

  private async all(scope: Scope): Promise<StandingBudget[]> {
    const found: StandingBudget[] = [];
    for (let cursor: string | null = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
      const page = await this.budgets.list({ limit: MAX_PAGE_SIZE, cursor }, scope);
      found.push(...page.items);
      cursor = found.length < MAX_BUDGETS ? page.nextCursor : null;
    }
    return found;
  }
}

function rowOf(budget: StandingBudget, nameOf: (id: string | null) => string, nowMs: number): BudgetRow {
  const { allowedNanoUsd: allowed, spentNanoUsd: spent, heldNanoUsd: held, resetsAt } = budget.standing;
  const left = allowed - spent - held;
  const ratio = allowed === 0n ? 1 : Number((spent * 10_000n) / allowed) / 10_000;
  const heldRatio = allowed === 0n ? 0 : Number((held * 10_000n) / allowed) / 10_000;
  return {
    id: budget.id,
    href: `/admin/budgets/${budget.id}`,
    name: budget.name,
    owner: budget.scope === 'organization' ? 'Everybody' : nameOf(budget.scopeId),
    scope: budget.scope,
    period: budget.period,
    isHard: budget.hard,
    isFromFile: budget.source === 'config',
    isOfLead: budget.delegated,
    allowed,
    spent,
    held,
    left: left > 0n ? left : 0n,
    ratio,
    share: `${Math.round(ratio * 100)}%`,
    width: percent(ratio),
    heldWidth: percent(ratio + heldRatio),
    tone: toneOf(ratio),
    resetsAt,
    ...outlookOf(budget, nowMs),
  };
}

function outlookOf(
  { standing }: StandingBudget,
  nowMs: number,
): Pick<BudgetRow, 'forecast' | 'forecastTone' | 'forecastNote'> {
  const forecast = forecastOf(standing, nowMs);
  if (forecast === null) return { forecast, forecastTone: 'quiet', forecastNote: 'too early to tell' };
  const { allowedNanoUsd: allowed } = standing;
  if (forecast > allowed) {
    return { forecast, forecastTone: 'bad', forecastNote: `${showUsd(forecast - allowed)} over, at this pace` };
  }
  const isClose = forecast * 10n > allowed * 9n;
  return {
    forecast,
    forecastTone: isClose ? 'warn' : 'quiet',
    forecastNote: isClose ? 'close, at this pace' : 'within the limit',
  };
}

const percent = (ratio: number): string => `${Math.min(100, Math.round(ratio * 1000) / 10)}%`;

function toneOf(ratio: number): BudgetRow['tone'] {
  if (ratio >= 1) return 'bad';
  return ratio >= 0.8 ? 'warn' : 'good';
}
