import { Body, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { UsersService } from '../access';
import { Permit } from './authority/permit.decorator';
import { fromPage, toPageRequest } from './dtos/page.dto';
import {
  CreateUserDto,
  fromUser,
  toUser,
  toUserChanges,
  UpdateUserDto,
  UserDto,
  UserPageDto,
  UserQueryDto,
} from './dtos/user.dto';
import { Id } from './id.decorator';
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('users', 'Users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Post()
  @Permit('members.write')
  @ApiOperation({ summary: 'Create a user' })
  @ApiCreatedResponse({ type: UserDto })
  @Refuses(409)
  async create(@Body() body: CreateUserDto): Promise<UserDto> {
    return fromUser(await this.users.create(toUser(body)));
  }

  @Get()
  @Permit('directory.read')
  @ApiOperation({ summary: 'List users, newest first' })
  @ApiOkResponse({ type: UserPageDto })
  async list(@Query() query: UserQueryDto): Promise<UserPageDto> {
    return fromPage(await this.users.list(toPageRequest(query), query.team_id), fromUser);
  }

  @Get(':id')
  @Permit('directory.read')
  @ApiOperation({ summary: 'One user' })
  @ApiOkResponse({ type: UserDto })
  @Refuses(404)
  async get(@Id('user') id: string): Promise<UserDto> {
    return fromUser(await this.users.get(id));
  }

  @Patch(':id')
  @Permit('members.write')
  @ApiOperation({ summary: 'Change or disable a user' })
  @ApiOkResponse({ type: UserDto })
  @Refuses(404, 409)
  async update(@Id('user') id: string, @Body() body: UpdateUserDto): Promise<UserDto> {
    return fromUser(await this.users.update(id, toUserChanges(body)));
  }

  @Delete(':id')
  @Permit('directory.write')
  @ApiOperation({ summary: 'Delete a user and the user’s keys' })
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'The keys of the user are gone too.' })
  @Refuses(404)
  async remove(@Id('user') id: string): Promise<void> {
    await this.users.remove(id);
  }
}
