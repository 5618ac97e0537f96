import { Column, Entity, PrimaryColumn, Unique } from 'typeorm';

/** The top of the tree: a department has teams. */
@Entity('departments')
@Unique('uq_departments_name', ['name'])
export class Department {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'pk_departments' })
  id!: string;

  @Column('text')
  name!: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: Date;
}
