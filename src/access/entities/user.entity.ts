import {
  Check,
  Column,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
  Unique,
  type Relation,
} from 'typeorm';
import type { Limits } from '../../core/context';
import { Team } from './team.entity';

export const USER_ROLES = ['admin', 'auditor', 'team_lead', 'member'] as const;
export type UserRole = (typeof USER_ROLES)[number];

/** A person. */
@Entity('users')
@Unique('uq_users_email', ['email'])
@Check('ck_users_role', `role in ('admin', 'auditor', 'team_lead', 'member')`)
export class User {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'pk_users' })
  id!: string;

  /** In lower case. */
  @Column('text')
  email!: string;

  @Column('text')
  name!: string;

  @Column('text')
  role!: UserRole;

  /** See `password.ts`; null: cannot sign in with a password. Never selected unless asked for. */
  @Column('text', { nullable: true, select: false })
  passwordHash?: string | null;

  @Column('jsonb', { nullable: true })
  limits!: Limits | null;

  /** Names or patterns; null: no restriction at this level. */
  @Column('text', { array: true, nullable: true })
  allowedModels!: string[] | null;

  /** Since when neither the person nor their keys may do anything. */
  @Column('timestamptz', { nullable: true })
  disabledAt!: Date | null;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: Date;

  @OneToMany(() => UserTeam, (membership) => membership.user)
  memberships?: Relation<UserTeam>[];
}

/** Membership of a user in a team. */
@Entity('user_teams')
export class UserTeam {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'pk_user_teams' })
  userId!: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'pk_user_teams' })
  @Index('ix_user_teams_team_id')
  teamId!: string;

  @ManyToOne(() => User, (user) => user.memberships, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'fk_user_teams_user_id' })
  user?: Relation<User>;

  @ManyToOne(() => Team, { nullable: false })
  @JoinColumn({ name: 'team_id', foreignKeyConstraintName: 'fk_user_teams_team_id' })
  team?: Relation<Team>;
}
