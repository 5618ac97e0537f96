import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { Permission } from './permissions';

/** Metadata key of the permission that a route declares. */
export const PERMISSION = 'admin:permission';

/** What a route needs. A route of the management API or the console that does not say so keeps the gateway from starting. */
export const Permit = (permission: Permission): MethodDecorator =>
  applyDecorators(SetMetadata(PERMISSION, permission), ApiExtension('x-permission', permission));
