import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, Not, Repository, type EntityManager } from 'typeorm';
import type { Limits } from '../core/context';
import { NotFoundError } from '../core/errors';
import { newId } from '../core/ids';
import type { Page, PageRequest } from '../core/page';
import { EVERYBODY, type Scope } from '../core/scope';
import { Clock } from '../platform/clock';
import { ApiKey } from './entities/api-key.entity';
import { Team } from './entities/team.entity';
import { fetchPage } from './pages';
import { conflict, explaining, invalid } from './persistence-errors';
import type { Reading } from './reading';

export interface TeamFields {
  readonly name: string;
  readonly departmentId: string;
  readonly limits: Limits | null;
  /** What its lead set, within `limits`. Absent at creation: nothing. */
  readonly ownLimits?: Limits | null;
  readonly allowedModels: string[] | null;
  /** Whether what is asked and answered is kept. Absent at creation: it is not. */
  readonly storesContent?: boolean;
}

export interface TeamFilter {
  readonly departmentId?: string | undefined;
  /** Absent: everybody's. */
  readonly scope?: Scope | undefined;
}

const MEANINGS = {
  uq_teams_department_id_name: conflict('The department has a team of this name already: choose another name.', 'name'),
  fk_teams_department_id: invalid('There is no such department.', 'department_id'),
};
const IN_USE = {
  fk_user_teams_team_id: conflict('The team still has members: take them out of the team first.'),
  fk_api_keys_team_id: conflict('The team still has keys: delete them first.'),
};

/** The teams of all departments. */
@Injectable()
export class TeamsService {
  constructor(
    @InjectRepository(Team) private readonly teams: Repository<Team>,
    private readonly clock: Clock,
  ) {}

  async create(fields: TeamFields, manager = this.manager): Promise<Team> {
    const now = this.clock.now();
    const team = this.teams.create({
      storesContent: false,
      ownLimits: null,
      ...fields,
      id: newId('team', now),
      createdAt: new Date(now),
    });
    await explaining(MEANINGS, () => manager.insert(Team, team));
    return team;
  }

  list(page: PageRequest, { departmentId, scope = EVERYBODY }: TeamFilter = {}): Promise<Page<Team>> {
    const query = this.teams.createQueryBuilder('team').where('true');
    if (departmentId !== undefined) query.andWhere('team.departmentId = :departmentId', { departmentId });
    if (scope.kind === 'user') query.andWhere('false');
    if (scope.kind === 'teams') query.andWhere('team.id = any(:teamIds)', { teamIds: scope.teamIds });
    return fetchPage(query, 'team', page);
  }

  async get(id: string, { manager = this.manager, scope = EVERYBODY }: Reading = {}): Promise<Team> {
    const team = await manager.findOneBy(Team, { id });
    const isSeen = scope.kind === 'all' || (scope.kind === 'teams' && scope.teamIds.includes(id));
    if (!team || !isSeen) throw new NotFoundError(`There is no team "${id}".`);
    return team;
  }

  async update(id: string, fields: Partial<TeamFields>, manager = this.manager): Promise<Team> {
    if (Object.keys(fields).length > 0) await explaining(MEANINGS, () => manager.update(Team, { id }, { ...fields }));
    return this.get(id, { manager });
  }

  /** Refuses, with `ConflictError`, while it has members or keys that are not revoked. */
  async remove(id: string, within = this.manager): Promise<void> {
    await explaining(IN_USE, () =>
      within.transaction(async (manager) => {
        await manager.delete(ApiKey, { teamId: id, revokedAt: Not(IsNull()) });
        const { affected } = await manager.delete(Team, { id });
        if (affected === 0) throw new NotFoundError(`There is no team "${id}".`);
      }),
    );
  }

  private get manager(): EntityManager {
    return this.teams.manager;
  }
}
