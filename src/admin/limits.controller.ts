import { Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam } from '@nestjs/swagger';
import { DepartmentsService, KeysService, TeamsService, tightestLimits, UsersService } from '../access';
import { SCOPE_ID_PREFIXES } from '../core/ids';
import { InvalidRequestError, NotFoundError } from '../core/errors';
import type { Scope } from '../core/scope';
import { LIMIT_SCOPES, LimitUsageService, ORGANIZATION_ID, type LimitScope, type LimitUsage } from '../rate-limit';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import { fromLimitUsage, LimitUsageDto } from './dtos/limit-usage.dto';
import { ManagementController, Refuses } from './management-controller.decorator';

/** How the ids of a scope begin; a model is named, and there is one organisation. */
const PREFIXES: Readonly<Record<string, string>> = SCOPE_ID_PREFIXES;

/** What others use too is nothing for those who see their own only. */
const SHARED: ReadonlySet<string> = new Set(['department', 'organization', 'model']);

type Reader = (id: string, scope: Scope) => Promise<LimitUsage>;

@ManagementController('limits', 'Limits')
export class LimitsController {
  private readonly readers: ReadonlyMap<string, Reader>;

  constructor(
    usage: LimitUsageService,
    keys: KeysService,
    users: UsersService,
    teams: TeamsService,
    departments: DepartmentsService,
  ) {
    this.readers = new Map<LimitScope, Reader>([
      ['key', async (id, scope) => usage.ofCaller('key', id, (await keys.get(id, { scope })).limits)],
      ['user', async (id, scope) => usage.ofCaller('user', id, (await users.get(id, { scope })).limits)],
      [
        'team',
        async (id, scope) => {
          const { limits, ownLimits } = await teams.get(id, { scope });
          return usage.ofCaller('team', id, tightestLimits(limits, ownLimits));
        },
      ],
      ['department', async (id) => usage.ofCaller('department', id, (await departments.get(id)).limits)],
      ['organization', async (id) => (id === ORGANIZATION_ID ? usage.ofOrganization() : absent('organization'))],
      ['model', async (model) => (await usage.ofModel(model)) ?? unlimited(model)],
    ]);
  }

  /** Reading counts as nothing. */
  @Get(':scope/:id')
  @Permit('limits.read')
  @ApiOperation({
    summary: 'The current use of every window of a key, user, team, department or model, or of the organization',
  })
  @ApiParam({ name: 'scope', enum: LIMIT_SCOPES })
  @ApiParam({
    name: 'id',
    description: 'An id; of a model its name, with "/" written as %2F; of the organization `main`.',
  })
  @ApiOkResponse({ type: LimitUsageDto })
  @Refuses(404)
  async get(@By() caller: Caller, @Param('scope') scope: string, @Param('id') id: string): Promise<LimitUsageDto> {
    const read = this.readers.get(scope);
    if (!read) throw new InvalidRequestError(`scope must be one of ${LIMIT_SCOPES.join(', ')}`, 'scope');
    if (SHARED.has(scope) && caller.scope.kind !== 'all') absent(scope);
    const prefix = PREFIXES[scope];
    // What cannot be an id never reaches the database.
    if (prefix && !new RegExp(`^${prefix}_[0-9a-z]{26}$`).test(id)) absent(scope);
    return fromLimitUsage(scope, id, await read(id, caller.scope));
  }
}

function absent(scope: string): never {
  throw new NotFoundError(`There is no ${scope} with this id.`);
}

function unlimited(model: string): never {
  throw new NotFoundError(
    `Model "${model.slice(0, 64)}" has no limits. Set rate_limits.models in the configuration to limit it.`,
  );
}
