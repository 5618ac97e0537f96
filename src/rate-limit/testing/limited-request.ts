import type { Type } from '@nestjs/common';
import { chatRequestOf } from '../../core/testing/chat-request';
import { GatewayContext, type AttemptLedger, type Identity, type Limits } from '../../core/context';
import { NO_USAGE } from '../../core/tokens';
import type { Clock } from '../../platform/clock';
import { LiveConfig } from '../../platform/config/live-config';
import { RateLimitConfig } from '../rate-limit.config';

/** A configuration that holds a rate limit section only, and can be changed. */
export class ChangingConfig extends LiveConfig {
  override readonly version = 'test';
  limits = new RateLimitConfig();

  override section<T extends object>(type: Type<T>): T {
    if ((type as unknown) !== RateLimitConfig) throw new Error(`no section ${type.name}`);
    return this.limits as unknown as T;
  }

  override onReload(): () => void {
    return () => {};
  }

  set(change: Partial<RateLimitConfig>): void {
    this.limits = Object.assign(new RateLimitConfig(), change);
  }
}

export function identityWith(
  limits: Partial<Record<keyof Identity['limits'], Limits>> = {},
  keyId = 'key_1',
): Identity {
  return {
    keyId,
    keyName: 'ci',
    userId: 'user_1',
    userEmail: 'ada@example.com',
    teamId: 'team_1',
    teamName: 'search',
    departmentId: 'dep_1',
    departmentName: 'research',
    allowedModels: null,
    limits: { key: null, user: null, team: null, department: null, ...limits },
    scopes: [],
    storesContent: false,
  };
}

export interface Asked {
  readonly model?: string;
  readonly maxOutputTokens?: number | null;
  readonly choices?: number;
  readonly text?: string;
}

/** A request as the guards before the limiter leave it. */
export function contextOf(clock: Clock, identity: Identity, asked: Asked = {}): GatewayContext {
  const { model = 'gpt-4o', maxOutputTokens = 10, choices = 1, text = 'hi' } = asked;
  const context = new GatewayContext({
    requestId: 'req_1',
    dialect: 'openai',
    endpoint: '/v1/chat/completions',
    startedAtMs: clock.now(),
    monotonic: () => clock.monotonic(),
    onDeferredError: (error) => {
      throw error;
    },
  });
  const body = { model, messages: [{ role: 'user', content: text }] };
  context.identity = identity;
  context.request = chatRequestOf(body, { maxOutputTokens, choices });
  return context;
}

/** A ledger whose attempts used so many tokens; null: one of them has not ended. */
export const ledgerThatUsed = (tokens: number | null): AttemptLedger => ({
  open: () => {
    throw new Error('no attempt is made here');
  },
  cost: () => 0n,
  usage: () => NO_USAGE,
  usedTokens: () => tokens,
});
