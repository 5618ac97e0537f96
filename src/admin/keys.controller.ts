import { Body, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import {
  CreateKeyDto,
  fromKey,
  fromNewKey,
  KeyDto,
  KeyPageDto,
  KeyQueryDto,
  NewKeyDto,
  RotateKeyDto,
  toKey,
  toKeyChanges,
  UpdateKeyDto,
} from './dtos/key.dto';
import { fromPage, toPageRequest } from './dtos/page.dto';
import { Id } from './id.decorator';
import { KeyManagement } from './management/key-management';
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('keys', 'Keys')
export class KeysController {
  constructor(private readonly keys: KeyManagement) {}

  @Post()
  @Permit('keys.write')
  @ApiOperation({ summary: 'Create an API key; its secret is shown once' })
  @ApiCreatedResponse({ type: NewKeyDto, description: 'The only answer that holds the secret.' })
  async create(@By() caller: Caller, @Body() body: CreateKeyDto): Promise<NewKeyDto> {
    return fromNewKey(await this.keys.create(caller, toKey(body)));
  }

  @Get()
  @Permit('keys.read')
  @ApiOperation({ summary: 'List API keys, newest first' })
  @ApiOkResponse({ type: KeyPageDto })
  async list(@By() caller: Caller, @Query() query: KeyQueryDto): Promise<KeyPageDto> {
    const filter = { teamId: query.team_id, userId: query.user_id, includeRevoked: query.include_revoked === 'true' };
    return fromPage(await this.keys.list(caller, toPageRequest(query), filter), fromKey);
  }

  @Get(':id')
  @Permit('keys.read')
  @ApiOperation({ summary: 'One API key' })
  @ApiOkResponse({ type: KeyDto })
  @Refuses(404)
  async get(@By() caller: Caller, @Id('key') id: string): Promise<KeyDto> {
    return fromKey(await this.keys.get(caller, id));
  }

  @Patch(':id')
  @Permit('keys.write')
  @ApiOperation({ summary: 'Change a key’s name, limits, models or expiry, or switch it off and on' })
  @ApiOkResponse({ type: KeyDto })
  @Refuses(404)
  async update(@By() caller: Caller, @Id('key') id: string, @Body() body: UpdateKeyDto): Promise<KeyDto> {
    return fromKey(await this.keys.update(caller, id, toKeyChanges(body)));
  }

  @Post(':id/rotate')
  @Permit('keys.rotate')
  @ApiOperation({ summary: 'Give a key a new secret' })
  @HttpCode(200)
  @ApiOkResponse({ type: NewKeyDto, description: 'The new secret, this once. The id stays.' })
  @Refuses(404)
  async rotate(@By() caller: Caller, @Id('key') id: string, @Body() body: RotateKeyDto): Promise<NewKeyDto> {
    return fromNewKey(await this.keys.rotate(caller, id, body.grace_seconds ?? 0));
  }

  @Delete(':id')
  @Permit('keys.rotate')
  @ApiOperation({ summary: 'Revoke a key everywhere within a second' })
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'The key stops working everywhere within a second.' })
  @Refuses(404)
  async remove(@By() caller: Caller, @Id('key') id: string): Promise<void> {
    await this.keys.revoke(caller, id);
  }
}
