import { applyDecorators, Controller, SetMetadata, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { ConsoleErrorFilter } from './console-error.filter';
import { ConsoleGuard } from './console.guard';
import { PERMISSION } from './declared-permission';
import type { Permission } from './permissions';

/** Pages of the console under `/admin/<path>`: behind the guard, and with errors shown as pages. */
export const ConsoleController = (path = ''): ClassDecorator =>
  applyDecorators(
    Controller(path === '' ? 'admin' : `admin/${path}`),
    UseGuards(ConsoleGuard),
    UseFilters(ConsoleErrorFilter),
    ApiExcludeController(),
  );

/** What a route of the console needs. A route that does not say so keeps the gateway from starting. */
export const Permit = (permission: Permission): MethodDecorator => SetMetadata(PERMISSION, permission);
