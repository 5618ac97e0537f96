import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { IsNull, type DataSource } from 'typeorm';
import { ApiKey, Department, Team, User } from '../../../access';

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
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Whom a budget may be for: `organization`, or a scope and an id. */
  async budgetOwners(chosen: string | undefined): Promise<ChoiceGroup[]> {
    const order = { order: { name: 'ASC' }, take: MAX_CHOICES } as const;
    const [departments, teams, users, keys] = await Promise.all([
      this.database.getRepository(Department).find(order),
      this.database.getRepository(Team).find({ ...order, relations: { department: true } }),
      this.database.getRepository(User).find(order),
      this.database.getRepository(ApiKey).find({ ...order, where: { revokedAt: IsNull() } }),
    ]);
    const choice = (value: string, label: string): Choice => ({ value, label, isChosen: value === chosen });
    return [
      { label: 'Organization', choices: [choice('organization', 'Everybody')] },
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
