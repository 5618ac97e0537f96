import { GatewayContext } from '../core/context';
import { chatRequestOf } from '../core/testing/chat-request';
import { UpstreamError, type UpstreamFailure } from '../core/errors';
import type { JsonReply } from '../core/reply';
import { Provider, type ProviderCall } from './provider';
import { RoutePlan } from './route-table';
import { TokenCounter } from './token-counter';

class CountingProvider extends Provider {
  override readonly name = 'p';
  override readonly type = 'openai';
  override readonly baseUrl = 'http://fake';
  override readonly activeCalls = 0;

  constructor(private readonly count: () => Promise<JsonReply | null>) {
    super();
  }

  override speaks = (): boolean => true;
  override chat = (): Promise<never> => Promise.reject(new Error('nothing is to be sent'));
  override close = (): Promise<void> => Promise.resolve();
  override countTokens(_call: ProviderCall): Promise<JsonReply | null> {
    return this.count();
  }
}

function contextFor(count: () => Promise<JsonReply | null>): GatewayContext {
  const body = { model: 'm', messages: [{ role: 'user', content: 'How many tokens is this?' }] };
  const context = new GatewayContext({
    requestId: 'req_1',
    dialect: 'anthropic',
    endpoint: '/v1/messages/count_tokens',
    startedAtMs: 0,
    monotonic: () => 0,
    onDeferredError: () => undefined,
  });
  context.request = chatRequestOf(body, { dialect: 'anthropic' });
  const adapter = new CountingProvider(count);
  const target = { provider: 'p', model: 'm', adapter, quotaDomain: 'p', totalTimeoutMs: 1_000 };
  context.plan = new RoutePlan('m', [{ strategy: 'priority', targets: [target] }]);
  return context;
}

const failing = (failure: UpstreamFailure) => (): Promise<never> =>
  Promise.reject(new UpstreamError('p', failure, 'no', { reason: failure, status: 400 }));

describe('(111) token counts', () => {
  const counter = new TokenCounter();

  it.each([
    ['the provider has no such API', () => Promise.resolve(null), 0],
    ['the provider is away', failing('unavailable'), 1],
    ['the provider limits the call', failing('rate_limited'), 1],
  ])('are an estimate that says so when %s', async (_, count, attempts) => {
    const context = contextFor(count);
    const reply = await counter.count(context);
    expect(reply.value).toEqual({ input_tokens: context.request?.estimatedInputTokens() });
    expect(Number(reply.value['input_tokens'])).toBeGreaterThan(3);
    expect(reply.warnings).toEqual([expect.stringContaining('estimate')]);
    expect(context.served).toMatchObject({ provider: 'p', attempts });
  });

  it('are the provider’s own where it has them, and its refusals stay refusals', async () => {
    const own = { kind: 'json', value: { input_tokens: 42 } } as unknown as JsonReply;
    expect(await counter.count(contextFor(() => Promise.resolve(own)))).toBe(own);
    await expect(counter.count(contextFor(failing('rejected')))).rejects.toMatchObject({ status: 400 });
  });
});
