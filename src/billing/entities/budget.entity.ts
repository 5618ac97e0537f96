import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Degradation } from '../budgets/budget-terms';
import type { BudgetPeriod, BudgetScope } from '../budgets.config';
import { AMOUNT } from './transformers';

/** How much may be spent by whom in which time. The money itself is in `budget_periods`, which only SQL functions touch. */
@Entity('budgets')
@Check('ck_budgets_source', `source in ('api', 'config')`)
@Check('ck_budgets_scope', `scope in ('organization', 'department', 'team', 'user', 'key')`)
@Check('ck_budgets_scope_id', `(scope = 'organization') = (scope_id is null)`)
@Check('ck_budgets_period', `period in ('hour', 'day', 'week', 'month', 'total')`)
@Check('ck_budgets_limit', 'limit_nano_usd > 0')
@Index('uq_budgets_config_name', ['name'], { unique: true, where: `source = 'config' and removed_at is null` })
export class Budget {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'pk_budgets' })
  id!: string;

  /** What refusals and alerts call it. */
  @Column('text')
  name!: string;

  /** `config`: declared in the configuration file, and changed only there. */
  @Column('text')
  source!: 'api' | 'config';

  /** Made by a team lead, who may change it: an administrator's is what they were given. */
  @Column('boolean', { default: false })
  delegated!: boolean;

  @Column('text')
  scope!: BudgetScope;

  /** Null for the organization. */
  @Column('text', { nullable: true })
  scopeId!: string | null;

  @Column('bigint', { transformer: AMOUNT })
  limitNanoUsd!: bigint;

  @Column('text')
  period!: BudgetPeriod;

  /** IANA name. */
  @Column('text')
  timezone!: string;

  @Column('boolean')
  hard!: boolean;

  /** Fractions of the limit. */
  @Column('double precision', { array: true })
  alerts!: number[];

  /** Names or patterns of the models that count; null: all. */
  @Column('text', { array: true, nullable: true })
  models!: string[] | null;

  /** Steps before it is used up; null: none. */
  @Column('jsonb', { nullable: true })
  degrade!: Degradation | null;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: Date;

  /** Removed budgets stay: what was spent under them is still being settled. */
  @Column('timestamptz', { nullable: true })
  removedAt!: Date | null;
}
