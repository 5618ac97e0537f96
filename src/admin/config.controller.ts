import type { ServerResponse } from 'node:http';
import { Body, Get, HttpCode, Post, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { FileLiveConfig } from '../platform/config/file-live-config';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import { ConfigReloadDto, ConfigValidityDto, ValidateConfigDto } from './dtos/config.dto';
import { Operations } from './management/operations';
import { ManagementController } from './management-controller.decorator';

@ManagementController('config', 'Configuration')
export class ConfigController {
  constructor(
    private readonly config: FileLiveConfig,
    private readonly operations: Operations,
  ) {}

  /** The configuration in force, secrets masked. */
  @Get()
  @Permit('config.read')
  @ApiOperation({ summary: 'The configuration in force, secrets masked' })
  @ApiOkResponse({
    description: 'As it could stand in the file: every default filled in, every secret masked.',
    schema: { type: 'object', additionalProperties: true },
    headers: { 'x-gateway-config-version': { description: 'Changes with every change.', schema: { type: 'string' } } },
  })
  effective(@Res({ passthrough: true }) response: ServerResponse): Record<string, unknown> {
    response.setHeader('x-gateway-config-version', this.config.version);
    return this.config.effective();
  }

  /** Checks a text by the rules that hold for the file; changes nothing. */
  @Post('validate')
  @Permit('config.write')
  @ApiOperation({ summary: 'Check a configuration without using it' })
  @HttpCode(200)
  @ApiOkResponse({ type: ConfigValidityDto })
  validate(@Body() body: ValidateConfigDto): ConfigValidityDto {
    const problems = this.config.validate(body.yaml);
    return { valid: problems.length === 0, problems };
  }

  /** Reads the file again. 409 when it is wrong: then nothing has changed. */
  @Post('reload')
  @Permit('config.write')
  @ApiOperation({ summary: 'Read the configuration file again' })
  @HttpCode(200)
  @ApiOkResponse({ type: ConfigReloadDto })
  @ApiResponse({ status: 409, description: 'The file is wrong; nothing has changed.', type: ConfigReloadDto })
  async reload(@By() caller: Caller, @Res({ passthrough: true }) response: ServerResponse): Promise<ConfigReloadDto> {
    const result = await this.operations.reloadConfig(caller);
    if (!result.reloaded) response.statusCode = 409;
    return result;
  }
}
