import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, IsNull } from 'typeorm';
import { Budget } from '../entities/budget.entity';
import { BudgetSnapshot } from './budget-snapshot';

/** The budgets as this process knows them. */
@Injectable()
export class BudgetDirectory {
  private known = BudgetSnapshot.EMPTY;
  private content = '';

  constructor(@InjectDataSource() private readonly database: DataSource) {}

  get snapshot(): BudgetSnapshot {
    return this.known;
  }

  /** Reads all budgets. True when something has changed. Throws when the database is away; then what was known stays. */
  async reload(): Promise<boolean> {
    const budgets = await this.database
      .getRepository(Budget)
      .find({ where: { removedAt: IsNull() }, order: { id: 'ASC' } });
    const terms = budgets.map(({ id, name, scope, scopeId, limitNanoUsd, period, hard, models, degrade }) =>
      Object.freeze({ id, name, scope, scopeId, limitNanoUsd, period, hard, models, degrade }),
    );
    const content = JSON.stringify(terms, (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    if (content === this.content) return false;
    this.content = content;
    this.known = new BudgetSnapshot(terms);
    return true;
  }
}
