import { applyDecorators, Controller, UseFilters, UseGuards, UsePipes } from '@nestjs/common';
import { ApiBearerAuth, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ErrorDto } from './dtos/error.dto';
import { ManagementErrorFilter } from './management-error.filter';
import { ManagementThrottlerGuard } from './management-throttler.guard';
import { managementValidation } from './management-validation';
import { ManagementGuard } from './management.guard';

const COMMON_REFUSALS = {
  400: 'The request is wrong; `param` names the field.',
  401: 'The key is missing or not valid.',
  403: 'The key may not manage the gateway.',
} as const;

const REFUSALS = {
  ...COMMON_REFUSALS,
  404: 'There is no such thing.',
  409: 'It is in use, or its name is taken.',
} as const;

/** Documents refusals beyond those of every route. */
export const Refuses = (...statuses: (keyof typeof REFUSALS)[]): MethodDecorator =>
  applyDecorators(...statuses.map((status) => ApiResponse({ status, description: REFUSALS[status], type: ErrorDto })));

/** A controller of the management API: `/api/v1/<path>`, behind the guard, strict about what it is sent. */
export const ManagementController = (path: string, tag: string): ClassDecorator =>
  applyDecorators(
    Controller(`api/v1/${path}`),
    UseGuards(ManagementThrottlerGuard, ManagementGuard),
    UsePipes(managementValidation()),
    UseFilters(ManagementErrorFilter),
    ApiTags(tag),
    ApiBearerAuth('bearer'),
    ...Object.entries(COMMON_REFUSALS).map(([status, description]) =>
      ApiResponse({ status: Number(status), description, type: ErrorDto }),
    ),
  );
