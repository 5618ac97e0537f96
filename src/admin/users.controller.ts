import { Body, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import { requireStrongPassword } from './authority/strong-password';
import { fromPage, toPageRequest } from './dtos/page.dto';
import {
  CreateUserDto,
  fromUser,
  PasswordDto,
  toUser,
  toUserChanges,
  UpdateUserDto,
  UserDto,
  UserPageDto,
  UserQueryDto,
} from './dtos/user.dto';
import { Id } from './id.decorator';
import { UserManagement } from './management/user-management';
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('users', 'Users')
export class UsersController {
  constructor(private readonly users: UserManagement) {}

  @Post()
  @Permit('members.write')
  @ApiOperation({ summary: 'Create a user' })
  @ApiCreatedResponse({ type: UserDto })
  @Refuses(409)
  async create(@By() caller: Caller, @Body() body: CreateUserDto): Promise<UserDto> {
    return fromUser(await this.users.create(caller, toUser(body)));
  }

  @Get()
  @Permit('directory.read')
  @ApiOperation({ summary: 'List users, newest first' })
  @ApiOkResponse({ type: UserPageDto })
  async list(@By() caller: Caller, @Query() query: UserQueryDto): Promise<UserPageDto> {
    return fromPage(await this.users.list(caller, toPageRequest(query), { teamId: query.team_id }), fromUser);
  }

  @Get(':id')
  @Permit('directory.read')
  @ApiOperation({ summary: 'One user' })
  @ApiOkResponse({ type: UserDto })
  @Refuses(404)
  async get(@By() caller: Caller, @Id('user') id: string): Promise<UserDto> {
    return fromUser(await this.users.get(caller, id));
  }

  @Patch(':id')
  @Permit('members.write')
  @ApiOperation({ summary: 'Change or disable a user' })
  @ApiOkResponse({ type: UserDto })
  @Refuses(404, 409)
  async update(@By() caller: Caller, @Id('user') id: string, @Body() body: UpdateUserDto): Promise<UserDto> {
    return fromUser(await this.users.update(caller, id, toUserChanges(body)));
  }

  /** Every session of the user ends. */
  @Post(':id/password')
  @Permit('directory.write')
  @ApiOperation({ summary: 'Set the password of a user for the console' })
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'Every session of the user has ended.' })
  @Refuses(404)
  async password(@By() caller: Caller, @Id('user') id: string, @Body() body: PasswordDto): Promise<void> {
    const { email, name } = await this.users.get(caller, id);
    requireStrongPassword(body.password, [email, name]);
    await this.users.setPassword(caller, id, body.password);
  }

  @Delete(':id')
  @Permit('directory.write')
  @ApiOperation({ summary: 'Delete a user and the user’s keys' })
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'The keys of the user are gone too.' })
  @Refuses(404)
  async remove(@By() caller: Caller, @Id('user') id: string): Promise<void> {
    await this.users.remove(caller, id);
  }
}
