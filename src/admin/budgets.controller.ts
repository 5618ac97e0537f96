import { Body, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { BudgetsService, type StandingBudget } from '../billing';
import { Clock } from '../platform/clock';
import { Permit } from './authority/permit.decorator';
import {
  BudgetDto,
  BudgetPageDto,
  CreateBudgetDto,
  CreateTopUpDto,
  fromBudget,
  fromTopUp,
  toBudget,
  toBudgetChanges,
  TopUpDto,
  TopUpListDto,
  toTopUp,
  UpdateBudgetDto,
} from './dtos/budget.dto';
import { fromPage, PageQueryDto, toPageRequest } from './dtos/page.dto';
import { Id } from './id.decorator';
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('budgets', 'Budgets')
export class BudgetsController {
  constructor(
    private readonly budgets: BudgetsService,
    private readonly clock: Clock,
  ) {}

  @Post()
  @Permit('budgets.write')
  @ApiOperation({ summary: 'Create a budget' })
  @ApiCreatedResponse({ type: BudgetDto })
  async create(@Body() body: CreateBudgetDto): Promise<BudgetDto> {
    return this.told(await this.budgets.create(toBudget(body)));
  }

  @Get()
  @Permit('budgets.read')
  @ApiOperation({ summary: 'List budgets with what is spent, held and left' })
  @ApiOkResponse({ type: BudgetPageDto })
  async list(@Query() query: PageQueryDto): Promise<BudgetPageDto> {
    return fromPage(await this.budgets.list(toPageRequest(query)), (budget) => this.told(budget));
  }

  @Get(':id')
  @Permit('budgets.read')
  @ApiOperation({ summary: 'One budget with what is spent, held and left' })
  @ApiOkResponse({ type: BudgetDto })
  @Refuses(404)
  async get(@Id('bud') id: string): Promise<BudgetDto> {
    return this.told(await this.budgets.get(id));
  }

  /** In force everywhere within a second. Scope and period cannot be changed: make another budget. */
  @Patch(':id')
  @Permit('budgets.write')
  @ApiOperation({ summary: 'Change a budget; in force within a second' })
  @ApiOkResponse({ type: BudgetDto })
  @Refuses(404, 409)
  async update(@Id('bud') id: string, @Body() body: UpdateBudgetDto): Promise<BudgetDto> {
    return this.told(await this.budgets.update(id, toBudgetChanges(body)));
  }

  @Delete(':id')
  @Permit('budgets.write')
  @ApiOperation({ summary: 'Delete a budget' })
  @HttpCode(204)
  @ApiNoContentResponse()
  @Refuses(404, 409)
  async remove(@Id('bud') id: string): Promise<void> {
    await this.budgets.remove(id);
  }

  @Get(':id/top-ups')
  @Permit('budgets.read')
  @ApiOperation({ summary: 'The top-ups of a budget, newest first' })
  @ApiOkResponse({ type: TopUpListDto })
  @Refuses(404)
  async topUps(@Id('bud') id: string): Promise<TopUpListDto> {
    return { data: (await this.budgets.topUps(id)).map(fromTopUp) };
  }

  /** Raises the limit of the current period until it expires or the period ends. */
  @Post(':id/top-ups')
  @Permit('budgets.write')
  @ApiOperation({ summary: 'Add money to a budget for a time' })
  @ApiCreatedResponse({ type: TopUpDto })
  @Refuses(404)
  async topUp(@Id('bud') id: string, @Body() body: CreateTopUpDto): Promise<TopUpDto> {
    return fromTopUp(await this.budgets.topUp(id, toTopUp(body)));
  }

  private told(budget: StandingBudget): BudgetDto {
    return fromBudget(budget, this.clock.now());
  }
}
