import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { TeamsService, UsersService } from '../../access';
import type { Limits } from '../../core/context';
import { InvalidRequestError, NotFoundError } from '../../core/errors';
import type { Caller } from './caller';
import { requireWithin, type Grant, type Reach } from './grants';

interface Restricted {
  readonly limits: Limits | null;
  readonly allowedModels: readonly string[] | null;
}

/** Who is to use what is given: a team's, and perhaps one person's. */
export interface Recipient extends Restricted {
  readonly teamId: string;
  readonly userId: string | null;
}

/** Sees to it that nobody gives away more than they have. */
@Injectable()
export class Reaches {
  constructor(
    private readonly teams: TeamsService,
    private readonly users: UsersService,
  ) {}

  /**
   * Throws `InvalidRequestError` for a team or user that the caller does not see, in the words for one that does not
   * exist, and `PermissionDeniedError` for a grant beyond the caller's own reach.
   */
  async requireGrant(caller: Caller, recipient: Recipient, manager: EntityManager): Promise<void> {
    if (caller.role === 'admin') return;
    const team = await this.seenTeam(caller, recipient.teamId, 'team_id', manager);
    const user = recipient.userId === null ? null : await this.seenUser(caller, recipient.userId, manager);
    requireWithin(reachOf(caller, team), grantOf(recipient, user ? [team, user] : [team]));
  }

  /** The same for a person in each of their teams. */
  async requirePerson(
    caller: Caller,
    person: Restricted & { readonly teamIds: readonly string[] },
    manager: EntityManager,
  ): Promise<void> {
    if (caller.role === 'admin') return;
    for (const teamId of person.teamIds) {
      const team = await this.seenTeam(caller, teamId, 'team_ids', manager);
      requireWithin(reachOf(caller, team), grantOf(person, [team]));
    }
  }

  private async seenTeam(caller: Caller, id: string, param: string, manager: EntityManager): Promise<Restricted> {
    return orAbsent(this.teams.get(id, { scope: caller.scope, manager }), 'There is no such team.', param);
  }

  private async seenUser(caller: Caller, id: string, manager: EntityManager): Promise<Restricted> {
    // Of themselves everybody knows.
    const scope = id === caller.userId ? undefined : caller.scope;
    return orAbsent(this.users.get(id, { scope, manager }), 'There is no such user.', 'user_id');
  }
}

const reachOf = ({ holds }: Caller, team: Restricted): Reach => ({
  limits: [...holds.limits, ...(team.limits === null ? [] : [team.limits])],
  models: [...holds.models, ...(team.allowedModels === null ? [] : [team.allowedModels])],
});

const grantOf = ({ limits, allowedModels }: Restricted, above: readonly Restricted[]): Grant => ({
  limits,
  allowedModels,
  above: {
    limits: above.flatMap((level) => (level.limits === null ? [] : [level.limits])),
    models: above.flatMap((level) => (level.allowedModels === null ? [] : [level.allowedModels])),
  },
});

async function orAbsent<T>(reading: Promise<T>, message: string, param: string): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    throw error instanceof NotFoundError ? new InvalidRequestError(message, param) : error;
  }
}
