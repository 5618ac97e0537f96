import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { NotFoundError } from '../core/errors';
import { newId } from '../core/ids';
import type { Page, PageRequest } from '../core/page';
import { Clock } from '../platform/clock';
import { Department } from './entities/department.entity';
import { fetchPage } from './pages';
import { conflict, explaining } from './persistence-errors';

export interface DepartmentFields {
  readonly name: string;
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

  async create(fields: DepartmentFields): Promise<Department> {
    const now = this.clock.now();
    const department = this.departments.create({ ...fields, id: newId('dep', now), createdAt: new Date(now) });
    await explaining(NAME_TAKEN, () => this.departments.insert(department));
    return department;
  }

  list(page: PageRequest): Promise<Page<Department>> {
    return fetchPage(this.departments.createQueryBuilder('department'), 'dep', page);
  }

  async get(id: string): Promise<Department> {
    const department = await this.departments.findOneBy({ id });
    if (!department) throw new NotFoundError(`There is no department "${id}".`);
    return department;
  }

  async update(id: string, fields: Partial<DepartmentFields>): Promise<Department> {
    if (Object.keys(fields).length > 0) await explaining(NAME_TAKEN, () => this.departments.update({ id }, fields));
    return this.get(id);
  }

  /** Refuses, with `ConflictError`, while teams belong to it. */
  async remove(id: string): Promise<void> {
    const { affected } = await explaining(IN_USE, () => this.departments.delete({ id }));
    if (affected === 0) throw new NotFoundError(`There is no department "${id}".`);
  }
}
