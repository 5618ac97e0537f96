import { Body, Get, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { stringify } from 'yaml';
import { FileLiveConfig } from '../../../platform/config/file-live-config';
import { DatabaseInfo } from '../../../platform/database';
import { ValidateConfigDto } from '../../dtos/config.dto';
import { Operations } from '../../management/operations';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { mayDo } from '../../authority/permissions';
import { Pages, viewerIn } from '../render/pages';
import { checked, problemOf, type Query } from './fields';

@ConsoleController('settings')
export class SettingsPageController {
  constructor(
    private readonly pages: Pages,
    private readonly config: FileLiveConfig,
    private readonly database: DatabaseInfo,
    private readonly operations: Operations,
  ) {}

  @Get()
  @Permit('config.read')
  settings(@Res() response: Response): void {
    this.show(response, {});
  }

  /** Checks a text by the rules of the file; changes nothing. */
  @Post('validate')
  @Permit('config.write')
  async validate(@Body() form: Query, @Res() response: Response): Promise<void> {
    const text = form['yaml'];
    try {
      const { yaml } = await checked(ValidateConfigDto, { yaml: typeof text === 'string' ? text : '' });
      const problems = this.config.validate(yaml);
      this.show(response, { yaml, validity: { isValid: problems.length === 0, problems } });
    } catch (error) {
      this.show(response, { yaml: text, problem: problemOf(error) }, 400);
    }
  }

  @Post('reload')
  @Permit('config.write')
  async reload(@Res() response: Response): Promise<void> {
    const result = await this.operations.reloadConfig(viewerIn(response));
    this.show(response, { reload: result }, result.reloaded ? 200 : 409);
  }

  private show(response: Response, more: object, status = 200): void {
    const { role } = viewerIn(response);
    this.pages.show(
      response,
      'settings',
      {
        title: 'Settings',
        version: this.config.version,
        database: this.database.describe(),
        effective: stringify(this.config.effective()),
        mayWrite: mayDo(role, 'config.write'),
        ...more,
      },
      status,
    );
  }
}
