import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { In, type DataSource } from 'typeorm';
import { ApiKey, Team, UserTeam } from '../../../access';
import type { Scope } from '../../../core/scope';
import type { Viewer } from '../auth/viewer';
import type { Named } from './directory';

/** Of whom a person may see budgets and limits, by id; null: of everybody. */
export type SubjectIds = ReadonlySet<string> | null;

/** More than the teams of one person have. */
const MAX_SUBJECTS = 5_000;

/** The teams, users and keys that a person is responsible for. */
@Injectable()
export class Subjects {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Own keys and oneself; for a team lead the teams, with their people and keys. */
  async idsOf(scope: Scope): Promise<SubjectIds> {
    if (scope.kind === 'all') return null;
    const keys = this.database.getRepository(ApiKey);
    if (scope.kind === 'user') {
      const own = await keys.find({ where: { userId: scope.userId }, select: { id: true }, take: MAX_SUBJECTS });
      return new Set([scope.userId, ...own.map(({ id }) => id)]);
    }
    const teamId = In([...scope.teamIds]);
    const [owned, members] = await Promise.all([
      keys.find({ where: { teamId }, select: { id: true }, take: MAX_SUBJECTS }),
      this.database.getRepository(UserTeam).find({ where: { teamId }, take: MAX_SUBJECTS }),
    ]);
    return new Set([...scope.teamIds, ...owned.map(({ id }) => id), ...members.map(({ userId }) => userId)]);
  }

  /** The teams in whose name a person may call models: their own, of an administrator any. */
  async teamsOf({ id, scope }: Viewer, most: number): Promise<Named[]> {
    const query = this.database.getRepository(Team).createQueryBuilder('team').select(['team.id', 'team.name']);
    if (scope.kind !== 'all') query.innerJoin(UserTeam, 'm', 'm.team_id = team.id and m.user_id = :id', { id });
    return query.orderBy('team.name').limit(most).getMany();
  }
}
