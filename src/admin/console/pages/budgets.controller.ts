import { Body, Get, Post, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import { BUDGET_PERIODS, BUDGET_SCOPES, type Degradation } from '../../../billing';
import { Clock } from '../../../platform/clock';
import { CreateBudgetDto, toBudget, toBudgetChanges, UpdateBudgetDto } from '../../dtos/budget.dto';
import { CreateTopUpDto, toTopUp } from '../../dtos/top-up.dto';
import { BudgetManagement } from '../../management/budget-management';
import { Id } from '../../id.decorator';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { mayDo } from '../../authority/permissions';
import { Choices } from '../data/choices';
import { VisibleBudgets } from '../data/visible-budgets';
import { Pages, viewerIn } from '../render/pages';
import { changesOf, fieldsOf, percentOf, topUpOf, valuesOf } from './budget-form';
import { checked, problemOf, textOf, type Query } from './fields';

const HOME = '/admin/budgets';

@ConsoleController('budgets')
export class BudgetsPageController {
  constructor(
    private readonly pages: Pages,
    private readonly budgets: BudgetManagement,
    private readonly visible: VisibleBudgets,
    private readonly choices: Choices,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Permit('budgets.read')
  async list(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    const { scope, role } = viewerIn(response);
    const wanted = textOf(query, 'scope');
    const rows = await this.visible.rows(scope);
    const kinds = BUDGET_SCOPES.filter((kind) => rows.some((row) => row.scope === kind));
    this.pages.show(response, 'budgets', {
      title: 'Budgets',
      rows: rows.filter((row) => wanted === undefined || row.scope === wanted),
      kinds: kinds.map((kind) => ({ kind, isCurrent: kind === wanted, href: `${HOME}?scope=${kind}` })),
      isAll: wanted === undefined,
      mayWrite: mayDo(role, 'budgets.write'),
    });
  }

  @Get('new')
  @Permit('budgets.write')
  async newBudget(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    await this.showForm(response, { values: { ...query, hard: 'true' } });
  }

  @Post()
  @Permit('budgets.write')
  async create(@Body() form: Query, @Res() response: Response): Promise<void> {
    try {
      const fields = toBudget(await checked(CreateBudgetDto, fieldsOf(form)));
      const { id } = await this.budgets.create(viewerIn(response), fields);
      this.pages.done(response, `${HOME}/${id}`, 'created');
    } catch (error) {
      await this.showForm(response, { values: form, problem: problemOf(error) }, 400);
    }
  }

  @Get(':id')
  @Permit('budgets.read')
  async detail(@Id('bud') id: string, @Res() response: Response): Promise<void> {
    await this.showBudget(response, id);
  }

  @Post(':id')
  @Permit('budgets.write')
  async update(@Id('bud') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, id, { form: 'change', values: form }, async () => {
      const changes = toBudgetChanges(await checked(UpdateBudgetDto, changesOf(form)));
      await this.budgets.update(viewerIn(response), id, changes);
    });
  }

  @Post(':id/top-ups')
  @Permit('budgets.write')
  async topUp(@Id('bud') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, id, { form: 'topUp', values: form }, async () => {
      const fields = toTopUp(await checked(CreateTopUpDto, topUpOf(form)));
      await this.budgets.topUp(viewerIn(response), id, fields);
    });
  }

  @Post(':id/delete')
  @Permit('budgets.write')
  async remove(@Id('bud') id: string, @Res() response: Response): Promise<void> {
    await this.budgets.remove(viewerIn(response), id);
    this.pages.done(response, HOME, 'deleted');
  }

  private async attempt(
    response: Response,
    id: string,
    refused: { readonly form: 'change' | 'topUp'; readonly values: Query },
    change: () => Promise<void>,
  ): Promise<void> {
    try {
      await change();
    } catch (error) {
      const { form, values } = refused;
      await this.showBudget(response, id, { [form]: { values, problem: problemOf(error) } }, 400);
      return;
    }
    this.pages.done(response, `${HOME}/${id}`, 'saved');
  }

  private async showBudget(response: Response, id: string, more: object = {}, status = 200): Promise<void> {
    const { scope, role } = viewerIn(response);
    const { budget, row } = await this.visible.get(id, scope);
    const topUps = await this.budgets.topUps(viewerIn(response), id);
    const nowMs = this.clock.now();
    const mayWrite = mayDo(role, 'budgets.write');
    this.pages.show(
      response,
      'budget',
      {
        title: budget.name,
        row,
        budget,
        alerts: budget.alerts.map(percentOf).join(', '),
        models: budget.models?.join(', ') ?? null,
        steps: stepsOf(budget.degrade),
        change: { values: valuesOf(budget) },
        topUps: topUps.map(({ amountNanoUsd, reason, expiresAt }) => ({
          amountNanoUsd,
          reason,
          expiresAt,
          isOver: expiresAt.getTime() <= nowMs,
        })),
        mayTopUp: role === 'admin',
        mayChange: mayWrite && budget.source === 'api' && (role === 'admin' || budget.delegated),
        ...more,
      },
      status,
    );
  }

  private async showForm(response: Response, model: { values: Query; problem?: unknown }, status = 200): Promise<void> {
    const { values } = model;
    const options = (all: readonly string[], chosen: string) =>
      all.map((value) => ({ value, isChosen: value === chosen }));
    this.pages.show(
      response,
      'budget-new',
      {
        title: 'New budget',
        ...model,
        owners: await this.choices.budgetOwners(viewerIn(response).scope, textOf(values, 'owner')),
        periods: options(BUDGET_PERIODS, textOf(values, 'period') ?? 'month'),
        isHard: values['hard'] !== undefined,
      },
      status,
    );
  }
}

const STEPS = [
  ['warn_at', 'the trace of requests says so'],
  ['cheaper_at', 'a cheaper model answers'],
  ['cache_only_at', 'only the cache answers'],
  ['block_at', 'nothing is answered'],
] as const;

/** The steps before a budget is used up, in words. */
function stepsOf(degrade: Degradation | null): string[] {
  return STEPS.flatMap(([name, meaning]) => {
    const share = degrade?.[name];
    if (share === undefined) return [];
    const model = name === 'cheaper_at' ? `: ${degrade?.cheaper_model ?? ''}` : '';
    return [`from ${percentOf(share)} ${meaning}${model}`];
  });
}
