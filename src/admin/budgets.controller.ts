import { Body, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { StandingBudget } from '../billing';
import { Clock } from '../platform/clock';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import {
  BudgetDto,
  BudgetPageDto,
  CreateBudgetDto,
  fromBudget,
  toBudget,
  toBudgetChanges,
  UpdateBudgetDto,
} from './dtos/budget.dto';
import { fromPage, PageQueryDto, toPageRequest } from './dtos/page.dto';
import { CreateTopUpDto, fromTopUp, TopUpDto, TopUpListDto, toTopUp } from './dtos/top-up.dto';
import { Id } from './id.decorator';
import { BudgetManagement } from './management/budget-management';
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('budgets', 'Budgets')
export class BudgetsController {
  constructor(
    private readonly budgets: BudgetManagement,
    private readonly clock: Clock,
  ) {}

  @Post()
  @Permit('budgets.write')
  @ApiOperation({ summary: 'Create a budget' })
  @ApiCreatedResponse({ type: BudgetDto })
  async create(@By() caller: Caller, @Body() body: CreateBudgetDto): Promise<BudgetDto> {
    return this.told(await this.budgets.create(caller, toBudget(body)));
  }

  @Get()
  @Permit('budgets.read')
  @ApiOperation({ summary: 'List budgets with what is spent, held and left' })
  @ApiOkResponse({ type: BudgetPageDto })
  async list(@By() caller: Caller, @Query() query: PageQueryDto): Promise<BudgetPageDto> {
    return fromPage(await this.budgets.list(caller, toPageRequest(query)), (budget) => this.told(budget));
  }

  @Get(':id')
  @Permit('budgets.read')
  @ApiOperation({ summary: 'One budget with what is spent, held and left' })
  @ApiOkResponse({ type: BudgetDto })
  @Refuses(404)
  async get(@By() caller: Caller, @Id('bud') id: string): Promise<BudgetDto> {
    return this.told(await this.budgets.get(caller, id));
  }

  /** In force everywhere within a second. Scope and period cannot be changed: make another budget. */
  @Patch(':id')
  @Permit('budgets.write')
  @ApiOperation({ summary: 'Change a budget; in force within a second' })
  @ApiOkResponse({ type: BudgetDto })
  @Refuses(404, 409)
  async update(@By() caller: Caller, @Id('bud') id: string, @Body() body: UpdateBudgetDto): Promise<BudgetDto> {
    return this.told(await this.budgets.update(caller, id, toBudgetChanges(body)));
  }

  @Delete(':id')
  @Permit('budgets.write')
  @ApiOperation({ summary: 'Delete a budget' })
  @HttpCode(204)
  @ApiNoContentResponse()
  @Refuses(404, 409)
  async remove(@By() caller: Caller, @Id('bud') id: string): Promise<void> {
    await this.budgets.remove(caller, id);
  }

  @Get(':id/top-ups')
  @Permit('budgets.read')
  @ApiOperation({ summary: 'The top-ups of a budget, newest first' })
  @ApiOkResponse({ type: TopUpListDto })
  @Refuses(404)
  async topUps(@By() caller: Caller, @Id('bud') id: string): Promise<TopUpListDto> {
    return { data: (await this.budgets.topUps(caller, id)).map(fromTopUp) };
  }

  /** Raises the limit of the current period until it expires or the period ends. */
  @Post(':id/top-ups')
  @Permit('budgets.write')
  @ApiOperation({ summary: 'Add money to a budget for a time' })
  @ApiCreatedResponse({ type: TopUpDto })
  @Refuses(404)
  async topUp(@By() caller: Caller, @Id('bud') id: string, @Body() body: CreateTopUpDto): Promise<TopUpDto> {
    return fromTopUp(await this.budgets.topUp(caller, id, toTopUp(body)));
  }

  private told(budget: StandingBudget): BudgetDto {
    return fromBudget(budget, this.clock.now());
  }
}
