import { Column, Entity, PrimaryColumn, Unique } from 'typeorm';
import type { Limits } from '../../core/context';

/** The top of the tree: a department has teams. */
@Entity('departments')
@Unique('uq_departments_name', ['name'])
export class Department {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'pk_departments' })
  id!: string;

  @Column('text')
  name!: string;

  /** Of all its teams together. */
  @Column('jsonb', { nullable: true })
  limits!: Limits | null;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: Date;
}
