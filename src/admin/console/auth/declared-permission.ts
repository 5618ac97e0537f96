import 'reflect-metadata';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants';
import { RequestMethod, type Type } from '@nestjs/common';
import type { Permission } from './permissions';

/** Metadata key of the permission that a route declares. */
export const PERMISSION = 'console:permission';

export interface DeclaredRoute {
  readonly name: string;
  readonly path: string;
  readonly method: string;
  readonly permission: Permission | undefined;
}

/** Every route of these controllers with the permission it declares. */
export function declaredRoutes(controllers: readonly Type[]): DeclaredRoute[] {
  return controllers.flatMap((controller) => {
    const root = String(Reflect.getMetadata(PATH_METADATA, controller));
    const prototype = controller.prototype as Record<string, unknown>;
    return Object.getOwnPropertyNames(prototype).flatMap((method) => {
      const handler = prototype[method];
      if (typeof handler !== 'function') return [];
      const verb = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
      if (verb === undefined) return [];
      const path = `/${root}/${String(Reflect.getMetadata(PATH_METADATA, handler))}`.replace(/\/+/g, '/');
      const permission = Reflect.getMetadata(PERMISSION, handler) as Permission | undefined;
      return [{ name: `${controller.name}.${method}`, path, method: RequestMethod[verb], permission }];
    });
  });
}

/** Throws when a route says nothing about who may use it: forgetting must not mean "everybody". */
export function requirePermissions(controllers: readonly Type[]): void {
  const silent = declaredRoutes(controllers).filter(({ permission }) => permission === undefined);
  if (silent.length === 0) return;
  throw new Error(
    `Console routes without a permission: ${silent.map(({ name }) => name).join(', ')}. Put @Permit(…) on each.`,
  );
}
