import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { GatewayContext, Identity } from '../../core/context';
import { BudgetDirectory } from './budget-directory';
import type { BudgetTerms, Degradation, PaidCall } from './budget-terms';
import { BudgetStepError } from './budget.errors';

const TICK_MS = 500;

/** From mild to hard. */
const STEPS = ['warn', 'cheaper', 'cache_only', 'block'] as const;
export type LadderStep = (typeof STEPS)[number];

/** What a budget asks for, because this share of it is spent. */
export interface LadderVerdict {
  readonly step: LadderStep;
  readonly budget: BudgetTerms;
  readonly share: number;
  /** Of the step `cheaper`. */
  readonly model: string | null;
}

/**
 * The steps of budgets before they are used up. How much is spent is read twice a second, and only while a budget has
 * steps: a step may come that much late, the limit itself does not.
 */
@Injectable()
export class BudgetLadder implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(BudgetLadder.name);
  private shares: ReadonlyMap<string, number> = new Map();
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly directory: BudgetDirectory,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      if (!this.directory.snapshot.hasLadders) return;
      this.running ??= this.refresh().finally(() => (this.running = null));
    }, TICK_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.running;
  }

  /** Whether any budget has steps at all. */
  get hasSteps(): boolean {
    return this.directory.snapshot.hasLadders;
  }

  /** The hardest step that a budget of this call asks for; null: none. */
  judge(identity: Identity, call: PaidCall): LadderVerdict | null {
    if (!this.hasSteps) return null;
    const { snapshot } = this.directory;
    const { hard, soft } = snapshot.payers(identity, call);
    let hardest: LadderVerdict | null = null;
    for (const budget of [...hard, ...soft]) {
      const share = this.shares.get(budget.id) ?? 0;
      const step = budget.degrade ? stepAt(budget.degrade, share) : null;
      if (step === null || (hardest && STEPS.indexOf(hardest.step) >= STEPS.indexOf(step))) continue;
      hardest = { step, budget, share, model: budget.degrade?.cheaper_model ?? null };
    }
    return hardest;
  }

  /** Throws `BudgetStepError` for a call that the cache could not answer, when a budget pays for nothing else any more. */
  requirePayable({ identity, plan }: GatewayContext): void {
    if (!this.hasSteps) return;
    const target = plan?.targets[0];
    if (!identity || !plan || !target) return;
    const verdict = this.judge(identity, { ...target, requestedModel: plan.requestedModel });
    if (verdict?.step === 'cache_only' || verdict?.step === 'block')
      throw new BudgetStepError(verdict.budget, verdict.share, verdict.step);
  }

  private async refresh(): Promise<void> {
    try {
      const rows = await this.database.query<{ id: string; share: number }[]>('select * from budget_shares()');
      this.shares = new Map(rows.map(({ id, share }) => [id, share]));
    } catch (error) {
      this.logger.debug(`How far budgets are is not known: ${String(error)}`);
    }
  }
}

/** The hardest step whose share is reached. */
export function stepAt(degrade: Degradation, share: number): LadderStep | null {
  const reached = STEPS.filter((step) => share >= (degrade[`${step}_at`] ?? Infinity));
  return reached.at(-1) ?? null;
}
