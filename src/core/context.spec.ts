import { GatewayContext } from './context';

describe('a request whose client leaves', () => {
  const open = (): GatewayContext =>
    new GatewayContext({
      requestId: 'req_1',
      dialect: 'openai',
      endpoint: '/v1/chat/completions',
      startedAtMs: 0,
      monotonic: () => 0,
      onDeferredError: (error) => {
        throw error;
      },
    });

  it('is over', () => {
    const context = open();
    context.leave();
    expect([context.isClosed, context.signal.aborted]).toEqual([true, true]);
  });

  it('goes on for as long as anybody keeps it open', () => {
    const context = open();
    const left: string[] = [];
    const [one, other] = [context.keepOpen(() => left.push('one')), context.keepOpen(() => left.push('other'))];
    context.leave();
    expect([left, context.isClosed]).toEqual([['one', 'other'], false]);
    one();
    one();
    expect(context.isClosed).toBe(false);
    other();
    expect(context.isClosed).toBe(true);
  });

  it('is over at once when who kept it open lets go as he is told', () => {
    const context = open();
    const letGo = context.keepOpen(() => letGo());
    context.leave();
    expect(context.isClosed).toBe(true);
  });

  it('is not ended by who lets go while the client is there', () => {
    const context = open();
    context.keepOpen(() => {})();
    expect(context.isClosed).toBe(false);
  });

  it('is read to its end where that is the policy, once nobody keeps it open', () => {
    const context = open();
    let end = (): void => {};
    let times = 0;
    context.linger((endRequest) => {
      times += 1;
      end = endRequest;
    });
    const letGo = context.keepOpen(() => {});
    context.leave();
    expect(times).toBe(0);
    letGo();
    expect([times, context.isClosed]).toEqual([1, false]);
    const again = context.keepOpen(() => {});
    end();
    expect(context.isClosed).toBe(false);
    again();
    expect([times, context.isClosed]).toEqual([1, true]);
  });
});
