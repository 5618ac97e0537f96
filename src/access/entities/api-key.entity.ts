import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, Unique, type Relation } from 'typeorm';
import type { Limits } from '../../core/context';
import { Team } from './team.entity';
import { User } from './user.entity';

/** What a key may be used for. */
export const KEY_SCOPES = ['inference', 'management'] as const;
export type KeyScope = (typeof KEY_SCOPES)[number];

/** A gateway key. The key itself is not here: only an HMAC of it, which is of no use without the pepper. */
@Entity('api_keys')
@Unique('uq_api_keys_public_id', ['publicId'])
@Unique('uq_api_keys_previous_public_id', ['previousPublicId'])
export class ApiKey {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'pk_api_keys' })
  id!: string;

  /** The eight characters between the underscores of the key; they find the row and are no secret. */
  @Column('text')
  publicId!: string;

  @Column('bytea', { select: false })
  hmac?: Buffer;

  @Column('text')
  name!: string;

  @Column('text', { nullable: true })
  @Index('ix_api_keys_user_id')
  userId!: string | null;

  @ManyToOne(() => User, { nullable: true, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'fk_api_keys_user_id' })
  user?: Relation<User> | null;

  @Column('text')
  @Index('ix_api_keys_team_id')
  teamId!: string;

  @ManyToOne(() => Team, { nullable: false })
  @JoinColumn({ name: 'team_id', foreignKeyConstraintName: 'fk_api_keys_team_id' })
  team?: Relation<Team>;

  @Column('timestamptz', { nullable: true })
  expiresAt!: Date | null;

  @Column('timestamptz', { nullable: true })
  revokedAt!: Date | null;

  /** Since when it is switched off; null: it works. */
  @Column('timestamptz', { nullable: true })
  disabledAt!: Date | null;

  @Column('jsonb', { nullable: true })
  limits!: Limits | null;

  /** Names or patterns; null: no restriction at this level. */
  @Column('text', { array: true, nullable: true })
  allowedModels!: string[] | null;

  @Column('text', { array: true })
  scopes!: KeyScope[];

  /** The key before the last rotation, good until `previousExpiresAt`. */
  @Column('text', { nullable: true })
  previousPublicId!: string | null;

  @Column('bytea', { nullable: true, select: false })
  previousHmac?: Buffer | null;

  @Column('timestamptz', { nullable: true })
  previousExpiresAt!: Date | null;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: Date;

  /** Written in batches: up to half a minute late. */
  @Column('timestamptz', { nullable: true })
  lastUsedAt!: Date | null;
}
