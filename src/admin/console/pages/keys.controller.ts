import { Body, Get, Post, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { ApiKey } from '../../../access';
import { InvalidRequestError } from '../../../core/errors';
import { Clock } from '../../../platform/clock';
import { CreateKeyDto, RotateKeyDto, toKey, toKeyChanges, UpdateKeyDto } from '../../dtos/key.dto';
import { KeyManagement } from '../../management/key-management';
import { Id } from '../../id.decorator';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import type { Scope } from '../../../core/scope';
import { Directory, type Named } from '../data/directory';
import { Pages, viewerIn } from '../render/pages';
import { checked, compactOf, namesOf, numberOf, pageOf, problemOf, textOf, type Query } from './fields';
import { changesOf, purposesOf, SCOPES, termsOf, valuesOf } from './key-form';

@ConsoleController('keys')
export class KeysPageController {
  constructor(
    private readonly pages: Pages,
    private readonly keys: KeyManagement,
    private readonly directory: Directory,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Permit('keys.read')
  async list(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    const viewer = viewerIn(response);
    const { scope } = viewer;
    const teams = await this.directory.teams(scope);
    const team = teamOf(query, scope, teams);
    const includeRevoked = query['revoked'] !== undefined;
    const filter = { teamId: team, userId: scope.kind === 'user' ? scope.userId : undefined, includeRevoked };
    const isNobody = scope.kind === 'teams' && team === undefined;
    const page = isNobody ? { items: [], nextCursor: null } : await this.keys.list(viewer, pageOf(query), filter);
    const nameOf = await this.directory.names(page.items.flatMap(({ teamId, userId }) => [teamId, userId]));
    const values = compactOf({ team, revoked: includeRevoked ? '1' : undefined }) as Record<string, string>;
    const next = { ...values, cursor: page.nextCursor ?? '' };
    this.pages.show(response, 'keys', {
      title: 'Keys',
      rows: page.items.map((key) => this.rowOf(key, nameOf)),
      teams: teams.map((each) => ({ ...each, isChosen: each.id === team })),
      needsTeam: scope.kind === 'teams',
      includeRevoked,
      nextHref: page.nextCursor === null ? null : `/admin/keys?${new URLSearchParams(next).toString()}`,
    });
  }

  @Get('new')
  @Permit('keys.write')
  async newKey(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    await this.showForm(response, { values: { team_id: textOf(query, 'team') ?? '' } });
  }

  @Post()
  @Permit('keys.write')
  async create(@Body() form: Query, @Res() response: Response): Promise<void> {
    const viewer = viewerIn(response);
    try {
      const fields = toKey(await checked(CreateKeyDto, await this.fieldsOf(form)));
      const { key, secret } = await this.keys.create(viewer, fields);
      this.showSecret(response, key, secret, null);
    } catch (error) {
      await this.showForm(response, { values: form, problem: problemOf(error) }, 400);
    }
  }

  @Get(':id')
  @Permit('keys.read')
  async detail(@Id('key') id: string, @Res() response: Response): Promise<void> {
    await this.showKey(response, await this.keys.get(viewerIn(response), id));
  }

  @Post(':id')
  @Permit('keys.write')
  async update(@Id('key') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    const viewer = viewerIn(response);
    const key = await this.keys.get(viewer, id);
    try {
      const changes = await checked(UpdateKeyDto, changesOf(form, key));
      await this.keys.update(viewer, id, toKeyChanges(changes));
    } catch (error) {
      await this.showKey(response, key, { values: form, problem: problemOf(error) }, 400);
      return;
    }
    this.pages.done(response, `/admin/keys/${id}`, 'saved');
  }

  /** The new secret, this once; the one before works on for the grace that was asked for. */
  @Post(':id/rotate')
  @Permit('keys.rotate')
  async rotate(@Id('key') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    const viewer = viewerIn(response);
    const key = await this.keys.get(viewer, id);
    try {
      const { grace_seconds: grace = 0 } = await checked(RotateKeyDto, {
        grace_seconds: numberOf(form, 'grace_seconds'),
      });
      const rotated = await this.keys.rotate(viewer, key.id, grace);
      this.showSecret(response, rotated.key, rotated.secret, grace);
    } catch (error) {
      await this.showKey(response, key, { problem: problemOf(error) }, 400);
    }
  }

  @Post(':id/disable')
  @Permit('keys.write')
  async disable(@Id('key') id: string, @Res() response: Response): Promise<void> {
    await this.keys.update(viewerIn(response), id, { disabled: true });
    this.pages.done(response, `/admin/keys/${id}`, 'disabled');
  }

  @Post(':id/enable')
  @Permit('keys.write')
  async enable(@Id('key') id: string, @Res() response: Response): Promise<void> {
    await this.keys.update(viewerIn(response), id, { disabled: false });
    this.pages.done(response, `/admin/keys/${id}`, 'enabled');
  }

  @Post(':id/revoke')
  @Permit('keys.rotate')
  async revoke(@Id('key') id: string, @Res() response: Response): Promise<void> {
    await this.keys.revoke(viewerIn(response), id);
    this.pages.done(response, '/admin/keys', 'revoked');
  }

  private async fieldsOf(form: Query): Promise<Query> {
    const email = textOf(form, 'user_email');
    return {
      ...termsOf(form),
      team_id: textOf(form, 'team_id') ?? '',
      user_id: email === undefined ? undefined : await this.userIdOf(email),
      scopes: namesOf(form, 'scopes'),
    };
  }

  private async userIdOf(email: string): Promise<string> {
    const user = await this.directory.userByEmail(email);
    if (!user) throw new InvalidRequestError('There is no user with this email address.', 'user_email');
    return user.id;
  }

  private async showForm(response: Response, model: { values: Query; problem?: unknown }, status = 200): Promise<void> {
    const teams = await this.directory.teams(viewerIn(response).scope);
    const chosen = textOf(model.values, 'team_id');
    const choices = teams.map((team) => ({ ...team, isChosen: team.id === chosen }));
    const scopes = SCOPES.map((each) => ({ ...each, isChosen: each.value === textOf(model.values, 'scopes') }));
    this.pages.show(response, 'key-new', { title: 'New key', ...model, teams: choices, scopes }, status);
  }

  private async showKey(response: Response, key: ApiKey, more: object = {}, status = 200): Promise<void> {
    const nameOf = await this.directory.names([key.teamId, key.userId]);
    const model = {
      title: key.name,
      ...this.rowOf(key, nameOf),
      isRevoked: key.revokedAt !== null,
      values: valuesOf(key),
    };
    this.pages.show(response, 'key', { ...model, ...more }, status);
  }

  private showSecret(response: Response, key: ApiKey, secret: string, graceSeconds: number | null): void {
    const origin = `${response.req.protocol}://${response.req.headers.host ?? 'localhost'}`;
    this.pages.show(response, 'key-secret', {
      title: graceSeconds === null ? 'Key created' : 'Key rotated',
      keyName: key.name,
      keyId: key.id,
      secret,
      origin,
      until: key.previousExpiresAt,
      hasGrace: (graceSeconds ?? 0) > 0,
    });
  }

  private rowOf(key: ApiKey, nameOf: (id: string | null) => string) {
    return {
      id: key.id,
      href: `/admin/keys/${key.id}`,
      name: key.name,
      hint: `gw_${key.publicId}_…`,
      team: nameOf(key.teamId),
      user: key.userId === null ? null : nameOf(key.userId),
      createdAt: key.createdAt,
      lastUsedAt: key.lastUsedAt,
      expiresAt: key.expiresAt,
      disabledAt: key.disabledAt,
      purposes: purposesOf(key),
      limits: key.limits,
      allowedModels: key.allowedModels?.join(', ') ?? null,
      graceUntil:
        key.previousExpiresAt && key.previousExpiresAt.getTime() > this.clock.now() ? key.previousExpiresAt : null,
      ...stateOf(key, this.clock.now()),
    };
  }
}

function stateOf(key: ApiKey, nowMs: number): { readonly state: string; readonly tone: string } {
  if (key.revokedAt !== null) return { state: 'Revoked', tone: 'quiet' };
  if (key.expiresAt !== null && key.expiresAt.getTime() <= nowMs) return { state: 'Expired', tone: 'warn' };
  if (key.disabledAt !== null) return { state: 'Disabled', tone: 'warn' };
  return { state: 'Active', tone: 'good' };
}

function teamOf(query: Query, scope: Scope, teams: readonly Named[]): string | undefined {
  const wanted = teams.find(({ id }) => id === query['team'])?.id;
  return scope.kind === 'teams' ? (wanted ?? teams[0]?.id) : wanted;
}
