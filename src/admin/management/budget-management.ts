import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import {
  BudgetsService,
  type BudgetChanges,
  type BudgetFields,
  type BudgetTopUp,
  type StandingBudget,
  type TopUpFields,
} from '../../billing';
import { InvalidRequestError } from '../../core/errors';
import { formatUsd } from '../../core/money';
import type { Page, PageRequest } from '../../core/page';
import { ProviderRegistry } from '../../providers';
import { AuditLog } from '../audit/audit-log';
import { BudgetReaches } from '../authority/budget-reaches';
import { actorOf, type Caller } from '../authority/caller';
import { fromTerms } from '../dtos/budget.dto';
import { deedsOf } from './deeds-of';

const deedOf = deedsOf<StandingBudget>(({ name }) => name, fromTerms);

/** Budgets: administrators change them, others see those of their teams, or their own. */
@Injectable()
export class BudgetManagement {
  constructor(
    private readonly budgets: BudgetsService,
    private readonly reaches: BudgetReaches,
    private readonly audit: AuditLog,
    private readonly models: ProviderRegistry,
  ) {}

  list({ scope }: Caller, page: PageRequest): Promise<Page<StandingBudget>> {
    return this.budgets.list(page, scope);
  }

  get({ scope }: Caller, id: string): Promise<StandingBudget> {
    return this.budgets.get(id, { scope });
  }

  /** The newest first. */
  topUps({ scope }: Caller, id: string): Promise<BudgetTopUp[]> {
    return this.budgets.topUps(id, scope);
  }

  create(caller: Caller, fields: BudgetFields): Promise<StandingBudget> {
    this.requireModel(fields);
    return this.audit.change(actorOf(caller), async (manager) => {
      await this.reaches.requireGrant(caller, fields, fields.limitNanoUsd, manager);
      const made = await this.budgets.create({ ...fields, delegated: caller.role !== 'admin' }, manager);
      return { result: made, deed: deedOf('budget.create', null, made) };
    });
  }

  update(caller: Caller, id: string, changes: BudgetChanges): Promise<StandingBudget> {
    this.requireModel(changes);
    return this.audit.change(actorOf(caller), async (manager) => {
      const before = await this.controlled(caller, id, manager);
      await this.reaches.requireGrant(caller, before, changes.limitNanoUsd ?? before.limitNanoUsd, manager);
      // What an administrator changes is given from then on.
      const delegated = before.delegated && caller.role !== 'admin';
      const after = await this.budgets.update(id, { ...changes, delegated }, manager);
      return { result: after, deed: deedOf('budget.update', before, after) };
    });
  }

  remove(caller: Caller, id: string): Promise<void> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const before = await this.controlled(caller, id, manager);
      await this.budgets.remove(id, manager);
      return { result: undefined, deed: deedOf('budget.delete', before, null) };
    });
  }

  topUp(caller: Caller, id: string, fields: TopUpFields): Promise<BudgetTopUp> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const budget = await this.budgets.get(id, { scope: caller.scope, manager });
      this.reaches.requireAdministrator(caller);
      const made = await this.budgets.topUp(id, fields, manager);
      const after = {
        top_up_id: made.id,
        amount_usd: formatUsd(made.amountNanoUsd),
        expires_at: made.expiresAt,
        reason: made.reason,
      };
      return { result: made, deed: { ...deedOf('budget.top_up', null, budget), after } };
    });
  }

  /** A step that leads to a model that is not there would never come. */
  private requireModel({ degrade }: BudgetChanges): void {
    const model = degrade?.cheaper_model;
    if (model === undefined || this.models.targetsOf(model) !== undefined) return;
    const near = this.models.suggest(model, this.models.modelNames);
    const hint =
      near.length > 0 ? `did you mean ${near.map((name) => `"${name}"`).join(' or ')}?` : 'see GET /v1/models.';
    const field = 'degrade.cheaper_model';
    throw new InvalidRequestError(`${field}: no model is named "${model}"; ${hint}`, field);
  }

  /** A budget that the caller may change. */
  private async controlled(caller: Caller, id: string, manager: EntityManager): Promise<StandingBudget> {
    const budget = await this.budgets.get(id, { scope: caller.scope, manager });
    this.reaches.requireOwn(caller, budget);
    return budget;
  }
}
