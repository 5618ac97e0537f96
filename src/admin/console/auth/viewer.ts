import type { UserWithTeams } from '../../../access';
import { callerOf, type Caller } from '../../authority/caller';

/** The person who is signed in. */
export interface Viewer extends Caller {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

export const viewerOf = (user: UserWithTeams): Viewer => ({
  ...callerOf(user),
  id: user.id,
  name: user.name,
  email: user.email,
});
