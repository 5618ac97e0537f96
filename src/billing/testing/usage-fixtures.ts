import type { ChatRequest } from '../../core/chat';
import { GatewayContext, type AttemptOutcome, type Identity } from '../../core/context';
import { newId } from '../../core/ids';
import type { StreamEvent } from '../../core/reply';
import { chatRequestOf } from '../../core/testing/chat-request';
import { NO_USAGE, type TokenUsage } from '../../core/tokens';
import type { Clock } from '../../platform/clock';

export const IDENTITY: Identity = Object.freeze({
  keyId: 'key_1',
  keyName: 'demo',
  userId: 'user_1',
  userEmail: 'ann@example.com',
  teamId: 'team_1',
  teamName: 'search',
  departmentId: 'dep_1',
  departmentName: 'research',
  allowedModels: null,
  limits: { key: null, user: null, team: null, department: null },
  scopes: ['inference'],
  storesContent: false,
});

export function chatRequest(
  model = 'gpt-4o',
  prompt = 'hello',
  maxOutputTokens: number | null = 100,
  more: object = {},
): ChatRequest {
  const body = { model, messages: [{ role: 'user', content: prompt }], ...more };
  return chatRequestOf(body, { stream: true, maxOutputTokens });
}

export function contextOf(clock: Clock, identity: Identity | undefined = IDENTITY): GatewayContext {
  const now = clock.now();
  const context = new GatewayContext({
    requestId: newId('req', now),
    dialect: 'openai',
    endpoint: '/v1/chat/completions',
    startedAtMs: now,
    monotonic: () => clock.monotonic(),
    onDeferredError: (error) => {
      throw error;
    },
  });
  context.identity = identity;
  context.configVersion = 'c1';
  return context;
}

export const usageOf = (inputTokens: number, outputTokens: number): TokenUsage => ({
  ...NO_USAGE,
  inputTokens,
  outputTokens,
});

export const outcome = (changes: Partial<AttemptOutcome> = {}): AttemptOutcome => ({
  status: 'succeeded',
  httpStatus: 200,
  error: null,
  servedModel: 'gpt-4o-2024-08-06',
  usage: null,
  billable: true,
  ...changes,
});

export const event = (changes: Partial<StreamEvent>): StreamEvent => ({
  kind: 'content',
  name: null,
  data: null,
  raw: null,
  usage: null,
  text: '',
  finish: null,
  ...changes,
});
