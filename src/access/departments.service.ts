import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository, type EntityManager, type SelectQueryBuilder } from 'typeorm';
import type { Limits } from '../core/context';
import { NotFoundError } from '../core/errors';
import { newId } from '../core/ids';
import type { Page, PageRequest } from '../core/page';
import { EVERYBODY, type Scope } from '../core/scope';
import { Clock } from '../platform/clock';
import { Department } from './entities/department.entity';
import { fetchPage } from './pages';
import { conflict, explaining } from './persistence-errors';
import type { Reading } from './reading';

export interface DepartmentFields {
  readonly name: string;
  readonly limits: Limits | null;
}

const NAME_TAKEN = {
  uq_departments_name: conflict('A department of this name exists already: choose another name.', 'name'),
};
const IN_USE = {
  fk_teams_department_id: conflict(
    'The department still has teams: move them to another department, or delete them first.',
  ),
};

/** The departments of the organisation. */
@Injectable()
export class DepartmentsService {
  constructor(
    @InjectRepository(Department) private readonly departments: Repository<Department>,
    private readonly clock: Clock,
  ) {}

  async create(fields: DepartmentFields, manager = this.manager): Promise<Department> {
    const now = this.clock.now();
    const department = this.departments.create({ ...fields, id: newId('dep', now), createdAt: new Date(now) });
    await explaining(NAME_TAKEN, () => manager.insert(Department, department));
    return department;
  }

  /** Of the departments that the caller's teams belong to. */
  list(page: PageRequest, scope: Scope = EVERYBODY): Promise<Page<Department>> {
    return fetchPage(this.within(scope), 'dep', page);
  }

  async get(id: string, { manager = this.manager, scope = EVERYBODY }: Reading = {}): Promise<Department> {
    const department = await this.within(scope, manager).andWhere('department.id = :id', { id }).getOne();
    if (!department) throw new NotFoundError(`There is no department "${id}".`);
    return department;
  }

  async update(id: string, fields: Partial<DepartmentFields>, manager = this.manager): Promise<Department> {
    if (Object.keys(fields).length > 0)
      await explaining(NAME_TAKEN, () => manager.update(Department, { id }, { ...fields }));
    return this.get(id, { manager });
  }

  /** Refuses, with `ConflictError`, while teams belong to it. */
  async remove(id: string, manager = this.manager): Promise<void> {
    const { affected } = await explaining(IN_USE, () => manager.delete(Department, { id }));
    if (affected === 0) throw new NotFoundError(`There is no department "${id}".`);
  }

  private within(scope: Scope, manager = this.manager): SelectQueryBuilder<Department> {
    const query = manager.createQueryBuilder(Department, 'department').where('true');
    if (scope.kind === 'user') query.andWhere('false');
    if (scope.kind === 'teams') {
      query.andWhere('department.id in (select t.department_id from teams t where t.id = any(:teamIds))', {
        teamIds: scope.teamIds,
      });
    }
    return query;
  }

  private get manager(): EntityManager {
    return this.departments.manager;
  }
}
