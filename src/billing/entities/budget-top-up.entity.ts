import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Budget } from './budget.entity';
import { AMOUNT } from './transformers';

/** Raises the limit of the period in which it was made, until it expires. */
@Entity('budget_top_ups')
@Check('ck_budget_top_ups_amount', 'amount_nano_usd > 0')
export class BudgetTopUp {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'pk_budget_top_ups' })
  id!: string;

  @Column('text')
  @Index('ix_budget_top_ups_budget_id')
  budgetId!: string;

  @ManyToOne(() => Budget, { nullable: false })
  @JoinColumn({ name: 'budget_id', foreignKeyConstraintName: 'fk_budget_top_ups_budget_id' })
  budget?: Relation<Budget>;

  @Column('timestamptz')
  periodStartsAt!: Date;

  @Column('bigint', { transformer: AMOUNT })
  amountNanoUsd!: bigint;

  @Column('timestamptz')
  expiresAt!: Date;

  @Column('text')
  reason!: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: Date;
}
