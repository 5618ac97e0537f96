import { Controller, Get, Post } from '@nestjs/common';
import { declaredRoutes, requirePermissions } from './declared-routes';
import { Permit } from './permit.decorator';

@Controller('api/v1/things')
class Things {
  @Get()
  @Permit('keys.read')
  list(): void {}

  @Post(':id')
  act(): void {}

  notARoute(): void {}
}

@Controller(['admin/things', 'admin/more'])
class Heir extends Things {
  @Get(['a', 'b'])
  @Permit('public')
  show(): void {}
}

describe('declaredRoutes', () => {
  it('finds every route of a controller, and what it declares', () => {
    expect(declaredRoutes([Things])).toEqual([
      { name: 'Things.list', path: '/api/v1/things', method: 'GET', permission: 'keys.read' },
      { name: 'Things.act', path: '/api/v1/things/:id', method: 'POST', permission: undefined },
    ]);
  });

  it('finds inherited routes and every path of a list', () => {
    const paths = declaredRoutes([Heir]).map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(['/admin/things/a', '/admin/more/b', '/admin/things/:id', '/admin/more']),
    );
    expect(paths).toHaveLength(8);
  });

  it('ends the start for a route that declares nothing', () => {
    expect(() => requirePermissions(declaredRoutes([Things]))).toThrow('Routes without a permission: Things.act');
    expect(() => requirePermissions([])).not.toThrow();
  });
});
