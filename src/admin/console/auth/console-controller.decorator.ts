import { applyDecorators, Controller, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { ConsoleErrorFilter } from './console-error.filter';
import { ConsoleGuard } from './console.guard';

export { Permit } from '../../authority/permit.decorator';

/** Pages of the console under `/admin/<path>`: behind the guard, and with errors shown as pages. */
export const ConsoleController = (path = ''): ClassDecorator =>
  applyDecorators(
    Controller(path === '' ? 'admin' : `admin/${path}`),
    UseGuards(ConsoleGuard),
    UseFilters(ConsoleErrorFilter),
    ApiExcludeController(),
  );
