import type { IncomingHttpHeaders } from 'node:http';
import type { GatewayContext } from '../core/context';
import type { ChatReply } from '../core/reply';
import { chatRequestOf } from '../core/testing/chat-request';
import type { AnswerRecorder } from './answer-recorder';
import type { Asked } from './asked';
import type { Begun, CacheLookup } from './cache-lookup';
import type { CacheOutcomes } from './cache-outcomes';
import type { CacheQuestions } from './cache-questions';
import { CacheService } from './cache.service';
import type { SharedFlights } from './shared-flights';

const REPLY = { kind: 'json' } as ChatReply;

/** The service over parts that write down how they are asked. */
function setUp({ enabled = true } = {}) {
  const calls: string[] = [];
  const begun = Promise.resolve({ found: null, lease: null, looked: null } satisfies Begun);
  let used: unknown;
  const questions = {
    config: { enabled },
    describe: () => (calls.push('describe'), { controls: {} } as Asked),
  };
  const lookup = {
    begin: () => (calls.push('begin'), begun),
    find: (...all: unknown[]) => (calls.push('find'), (used = all[3]), Promise.resolve('away')),
  };
  const outcomes = { bypass: (_: GatewayContext, why: string) => void calls.push(why) };
  const service = new CacheService(
    questions as unknown as CacheQuestions,
    lookup as unknown as CacheLookup,
    { leaseFor: () => 6_000 } as unknown as SharedFlights,
    {} as AnswerRecorder,
    outcomes as unknown as CacheOutcomes,
  );
  const context = {
    request: chatRequestOf({ model: 'm', messages: [{ role: 'user', content: 'What is it?' }] }),
  } as unknown as GatewayContext;
  const answer = (headers: IncomingHttpHeaders = {}): Promise<ChatReply> =>
    service.answer(context, headers, () => Promise.resolve(REPLY));
  return { service, context, calls, answer, isUsed: () => used === begun };
}

describe('a look-up that begins before its request is admitted', () => {
  it('is the one that answers it', async () => {
    const { service, context, calls, answer, isUsed } = setUp();
    service.foresee(context, {});
    expect(calls).toEqual(['describe', 'begin']);
    expect(await answer()).toBe(REPLY);
    expect(calls).toEqual(['describe', 'begin', 'find', 'store_away']);
    expect(isUsed()).toBe(true);
  });

  it('need not have begun', async () => {
    const { calls, answer, isUsed } = setUp();
    await answer();
    expect([calls, isUsed()]).toEqual([['describe', 'find', 'store_away'], false]);
  });

  it.each<[string, IncomingHttpHeaders, object]>([
    ['the cache is off', {}, { enabled: false }],
    ['the caller will have nothing stored', { 'cache-control': 'no-store' }, {}],
    ['the caller will have a new answer', { 'cache-control': 'no-cache' }, {}],
    ['its headers make no sense', { 'x-gateway-cache-threshold': 'much' }, {}],
  ])('does not begin where %s', (_, headers, options) => {
    const { service, context, calls } = setUp(options);
    service.foresee(context, headers);
    expect(calls).toEqual([]);
  });

  it('that fails for a request which is refused fails nothing else', async () => {
    const { service, context } = setUp();
    const broken = jest.spyOn(service['lookup'], 'begin').mockRejectedValue(new Error('broken'));
    service.foresee(context, {});
    await new Promise(setImmediate);
    expect(broken).toHaveBeenCalled();
  });
});
