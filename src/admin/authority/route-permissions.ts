import { Injectable, type OnModuleInit, type Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { declaredRoutes, requirePermissions, type DeclaredRoute } from './declared-routes';

/** Where a permission is what stands between a caller and the gateway. */
const GUARDED = /^\/(api|admin)(\/|$)/;

/** Looks at every controller of the application, whichever module it came with: one without a permission ends the start. */
@Injectable()
export class RoutePermissions implements OnModuleInit {
  constructor(private readonly modules: ModulesContainer) {}

  onModuleInit(): void {
    requirePermissions(this.routes());
  }

  /** Every route of the management API and the console. */
  routes(): DeclaredRoute[] {
    const controllers = [...this.modules.values()].flatMap((module) =>
      [...module.controllers.values()].flatMap(({ metatype }) => (metatype ? [metatype as Type] : [])),
    );
    return declaredRoutes([...new Set(controllers)]).filter(({ path }) => GUARDED.test(path));
  }
}
