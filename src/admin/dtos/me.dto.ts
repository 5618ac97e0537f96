import { ApiProperty } from '@nestjs/swagger';
import { USER_ROLES, type UserRole } from '../../access';
import type { Caller } from '../authority/caller';
import { mayDo, PERMISSIONS, type Permission } from '../authority/permissions';

/** Who the gateway takes the caller for. */
export class MeDto {
  @ApiProperty({ enum: ['admin_key', 'key', 'person'], example: 'key' })
  kind!: Caller['kind'];

  @ApiProperty({ type: String, nullable: true, example: 'user_01kb3v0000abcdefghjkmnpqrs' })
  user_id!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'key_01kb3v0000abcdefghjkmnpqrs' })
  key_id!: string | null;

  @ApiProperty({ enum: USER_ROLES, example: 'team_lead' })
  role!: UserRole;

  @ApiProperty({
    type: [String],
    nullable: true,
    example: ['team_01kb3v0000abcdefghjkmnpqrs'],
    description: 'The teams whose keys and usage the caller sees; null: of everybody, or (a member) only their own.',
  })
  team_ids!: string[] | null;

  @ApiProperty({ enum: PERMISSIONS, isArray: true, example: ['usage.read', 'keys.read'] })
  permissions!: Permission[];
}

export const fromCaller = ({ kind, userId, keyId, role, scope }: Caller): MeDto => ({
  kind,
  user_id: userId,
  key_id: keyId,
  role,
  team_ids: scope.kind === 'teams' ? [...scope.teamIds] : null,
  permissions: PERMISSIONS.filter((permission) => permission !== 'public' && mayDo(role, permission)),
});
