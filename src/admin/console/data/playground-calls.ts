import type { AddressInfo } from 'node:net';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { KeysService } from '../../../access';
import { InvalidRequestError } from '../../../core/errors';
import { MAX_PAGE_SIZE } from '../../../core/page';
import { Clock } from '../../../platform/clock';
import type { Viewer } from '../auth/viewer';
import { Subjects } from './subjects';

const KEY_NAME = 'Playground';
const KEY_LIFE_MS = 60 * 60_000;
/** A key that ends sooner is not used for another call. */
const LEAST_LIFE_MS = 15 * 60_000;
/** People and teams that play at the same time on one replica. */
const MAX_HELD = 500;
const MAX_TEAMS = 500;

interface HeldKey {
  readonly secret: string;
  readonly expiresAtMs: number;
}

export interface PlaygroundCall {
  readonly teamId: string;
  readonly body: object;
  readonly isFresh: boolean;
  readonly signal: AbortSignal;
}

/** Calls of people from the console: through the front door like any other, with a key of their own that lives for an hour. */
@Injectable()
export class PlaygroundCalls {
  private readonly held = new Map<string, HeldKey>();

  constructor(
    private readonly keys: KeysService,
    private readonly subjects: Subjects,
    private readonly adapter: HttpAdapterHost,
    private readonly clock: Clock,
  ) {}

  teamsOf(viewer: Viewer) {
    return this.subjects.teamsOf(viewer, MAX_TEAMS);
  }

  /** Throws `InvalidRequestError` when the team is not one the person may call for. */
  async send(viewer: Viewer, { teamId, body, isFresh, signal }: PlaygroundCall): Promise<Response> {
    const teams = await this.teamsOf(viewer);
    if (!teams.some(({ id }) => id === teamId)) {
      throw new InvalidRequestError('Choose a team that you are in.', 'team_id');
    }
    const { port } = this.adapter.httpAdapter.getHttpServer().address() as AddressInfo;
    return fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await this.keyFor(viewer, teamId)}`,
        'content-type': 'application/json',
        ...(isFresh ? { 'cache-control': 'no-cache' } : {}),
      },
      body: JSON.stringify(body),
      signal,
    });
  }

  private async keyFor({ id: userId }: Viewer, teamId: string): Promise<string> {
    const owner = `${userId} ${teamId}`;
    const nowMs = this.clock.now();
    const known = this.held.get(owner);
    if (known && known.expiresAtMs - nowMs > LEAST_LIFE_MS) return known.secret;
    await this.revokeExpired(userId, nowMs);
    const expiresAtMs = nowMs + KEY_LIFE_MS;
    const { secret } = await this.keys.create({
      name: KEY_NAME,
      userId,
      teamId,
      expiresAt: new Date(expiresAtMs),
      limits: null,
      allowedModels: null,
      scopes: ['inference'],
    });
    const oldest = this.held.keys().next();
    if (this.held.size >= MAX_HELD && !oldest.done) this.held.delete(oldest.value);
    this.held.set(owner, { secret, expiresAtMs });
    return secret;
  }

  /** Keeps the list of keys short. */
  private async revokeExpired(userId: string, nowMs: number): Promise<void> {
    const { items } = await this.keys.list({ limit: MAX_PAGE_SIZE, cursor: null }, { userId });
    const over = items.filter(
      ({ name, expiresAt }) => name === KEY_NAME && (expiresAt?.getTime() ?? Infinity) <= nowMs,
    );
    await Promise.all(over.map(({ id }) => this.keys.revoke(id)));
  }
}
