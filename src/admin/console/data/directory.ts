import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { In, type DataSource } from 'typeorm';
import { ApiKey, Department, Team, User } from '../../../access';
import type { Scope } from '../../../core/scope';

export interface Named {
  readonly id: string;
  readonly name: string;
}

/** More than a select box is good for. */
const MAX_CHOICES = 500;

/** Names for ids, and what a person may choose from. */
@Injectable()
export class Directory {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Names by id. What has been removed keeps its id as its name. */
  async names(ids: Iterable<string | null>): Promise<(id: string | null) => string> {
    const wanted = [...new Set([...ids].filter((id) => id !== null))];
    const of = (prefix: string): string[] => wanted.filter((id) => id.startsWith(`${prefix}_`));
    const [teams, users, departments, keys] = await Promise.all([
      this.find(Team, of('team')),
      this.find(User, of('user')),
      this.find(Department, of('dep')),
      this.find(ApiKey, of('key')),
    ]);
    const known = new Map([...teams, ...users, ...departments, ...keys].map(({ id, name }) => [id, name]));
    return (id) => (id === null ? '–' : (known.get(id) ?? id));
  }

  /** The teams a person may choose, by name. */
  async teams(scope: Scope): Promise<Named[]> {
    if (scope.kind === 'user') return [];
    const where = scope.kind === 'teams' ? { id: In([...scope.teamIds]) } : {};
    const teams = await this.database.getRepository(Team).find({
      where,
      relations: { department: true },
      order: { name: 'ASC' },
      take: MAX_CHOICES,
    });
    return teams.map(({ id, name, department }) => ({ id, name: department ? `${name} · ${department.name}` : name }));
  }

  async departments(): Promise<Named[]> {
    return this.database.getRepository(Department).find({ order: { name: 'ASC' }, take: MAX_CHOICES });
  }

  async userByEmail(email: string): Promise<Named | null> {
    return this.database.getRepository(User).findOneBy({ email: email.toLowerCase() });
  }

  /** Keys that work, by team. */
  async keyCounts(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.database
      .getRepository(ApiKey)
      .createQueryBuilder('key')
      .select('key.teamId', 'team')
      .addSelect('count(*)', 'count')
      .where('key.revokedAt is null')
      .groupBy('key.teamId')
      .getRawMany<{ team: string; count: string }>();
    return new Map(rows.map(({ team, count }) => [team, Number(count)]));
  }

  private find(entity: typeof Team | typeof User | typeof Department | typeof ApiKey, ids: string[]): Promise<Named[]> {
    if (ids.length === 0) return Promise.resolve([]);
    return this.database
      .getRepository<Named>(entity)
      .find({ where: { id: In(ids) }, select: { id: true, name: true } });
  }
}
