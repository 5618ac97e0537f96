import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, Unique, type Relation } from 'typeorm';
import type { Limits } from '../../core/context';
import { Department } from './department.entity';

/** People who share budgets, limits and answers. */
@Entity('teams')
@Unique('uq_teams_department_id_name', ['departmentId', 'name'])
export class Team {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'pk_teams' })
  id!: string;

  @Column('text')
  name!: string;

  @Column('text')
  departmentId!: string;

  @ManyToOne(() => Department, { nullable: false })
  @JoinColumn({ name: 'department_id', foreignKeyConstraintName: 'fk_teams_department_id' })
  department?: Relation<Department>;

  @Column('jsonb', { nullable: true })
  limits!: Limits | null;

  /** What its lead set, within `limits`: of both the lower counts. */
  @Column('jsonb', { nullable: true })
  ownLimits!: Limits | null;

  /** Names or patterns; null: no restriction at this level. */
  @Column('text', { array: true, nullable: true })
  allowedModels!: string[] | null;

  /** Whether what is asked and answered is kept. */
  @Column('boolean', { default: false })
  storesContent!: boolean;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: Date;
}
