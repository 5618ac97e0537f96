import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { PriceOverride as OverridePrices } from '../pricing.config';

/** A price set through the management API. Rows are only added: the newest of a model is in force. */
@Entity('price_overrides')
@Check('ck_price_overrides_source', `source in ('api', 'import')`)
@Index('ix_price_overrides_model', { synchronize: false })
export class StoredPriceOverride {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'pk_price_overrides',
  })
  version!: string;

  /** `model` or `provider/model`. */
  @Column('text')
  model!: string;

  /** Null: the override was taken back. */
  @Column('jsonb', { nullable: true })
  prices!: OverridePrices | null;

  @Column('text')
  source!: 'api' | 'import';

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: Date;
}
