import 'reflect-metadata';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants';
import { RequestMethod, type Type } from '@nestjs/common';
import type { Permission } from './permissions';
import { PERMISSION } from './permit.decorator';

export interface DeclaredRoute {
  readonly name: string;
  readonly path: string;
  readonly method: string;
  readonly permission: Permission | undefined;
}

/** Every route of these controllers with the permission it declares. */
export function declaredRoutes(controllers: readonly Type[]): DeclaredRoute[] {
  return controllers.flatMap((controller) => {
    const roots = [Reflect.getMetadata(PATH_METADATA, controller) as string | string[] | undefined].flat();
    return handlersOf(controller).flatMap(({ name, handler }) => {
      const verb = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
      if (verb === undefined) return [];
      const paths = [Reflect.getMetadata(PATH_METADATA, handler) as string | string[]].flat();
      const permission = Reflect.getMetadata(PERMISSION, handler) as Permission | undefined;
      return roots.flatMap((root) =>
        paths.map((path) => ({
          name: `${controller.name}.${name}`,
          path: `/${root ?? ''}/${path}`.replace(/\/+/g, '/').replace(/(?<=.)\/$/, ''),
          method: RequestMethod[verb],
          permission,
        })),
      );
    });
  });
}

interface Handler {
  readonly name: string;
  readonly handler: object;
}

/** Also those that a controller inherits. */
function handlersOf(controller: Type): Handler[] {
  const found = new Map<string, object>();
  let prototype = controller.prototype as Record<string, unknown> | null;
  while (prototype !== null && prototype !== Object.prototype) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const handler = Object.getOwnPropertyDescriptor(prototype, name)?.value as unknown;
      if (typeof handler === 'function' && !found.has(name)) found.set(name, handler);
    }
    prototype = Object.getPrototypeOf(prototype) as Record<string, unknown> | null;
  }
  return [...found].map(([name, handler]) => ({ name, handler }));
}

/** Throws when a route says nothing about who may use it: forgetting must not mean "everybody". */
export function requirePermissions(routes: readonly DeclaredRoute[]): void {
  const silent = routes.filter(({ permission }) => permission === undefined);
  if (silent.length === 0) return;
  throw new Error(`Routes without a permission: ${silent.map(({ name }) => name).join(', ')}. Put @Permit(…) on each.`);
}
