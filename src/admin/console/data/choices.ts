import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { In, IsNull, type DataSource } from 'typeorm';
import { ApiKey, Department, Team, User } from '../../../access';
import type { Scope } from '../../../core/scope';
import { Subjects } from './subjects';

export interface Choice {
  readonly value: string;
  readonly label: string;
  readonly isChosen: boolean;
}

export interface ChoiceGroup {
  readonly label: string;
  readonly choices: readonly Choice[];
}

/** More than a select box is good for. The management API takes any id. */
const MAX_CHOICES = 300;

/** What forms offer. */
@Injectable()
export class Choices {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly subjects: Subjects,
  ) {}

  /** Whom a budget may be for: `organization`, or a scope and an id. */
  async budgetOwners(scope: Scope, chosen: string | undefined): Promise<ChoiceGroup[]> {
    const ids = await this.subjects.idsOf(scope);
    const isAll = ids === null;
    const order = {
      order: { name: 'ASC' },
      take: MAX_CHOICES,
      ...(isAll ? {} : { where: { id: In([...ids]) } }),
    } as const;
    const [departments, teams, users, keys] = await Promise.all([
      isAll ? this.database.getRepository(Department).find({ order: { name: 'ASC' }, take: MAX_CHOICES }) : [],
      this.database.getRepository(Team).find({ ...order, relations: { department: true } }),
      this.database.getRepository(User).find(order),
      this.database
        .getRepository(ApiKey)
        .find({ ...order, where: { revokedAt: IsNull(), ...(isAll ? {} : { id: In([...ids]) }) } }),
    ]);
    const choice = (value: string, label: string): Choice => ({ value, label, isChosen: value === chosen });
    return [
      { label: 'Organization', choices: isAll ? [choice('organization', 'Everybody')] : [] },
      { label: 'Departments', choices: departments.map(({ id, name }) => choice(`department:${id}`, name)) },
      {
        label: 'Teams',
        choices: teams.map(({ id, name, department }) =>
          choice(`team:${id}`, department ? `${name} · ${department.name}` : name),
        ),
      },
      { label: 'Users', choices: users.map(({ id, name, email }) => choice(`user:${id}`, `${name} · ${email}`)) },
      { label: 'Keys', choices: keys.map(({ id, name }) => choice(`key:${id}`, name)) },
    ].filter(({ choices }) => choices.length > 0);
  }
}
