import { GatewayError } from '../../core/errors';
import { endToEnd, outboundHeaders, receivedTrail, refuseLoop } from './outbound-headers';

describe('outboundHeaders', () => {
  it('lets only what is on the list out, in lower case, and counts the hop', () => {
    expect(
      outboundHeaders({
        'Content-Type': 'application/json',
        Authorization: 'Bearer k',
        'anthropic-beta': 'x',
        'X-Stainless-Lang': 'js',
        cookie: 'secret',
        'x-forwarded-for': '10.0.0.1',
        'x-gateway-metadata': '{}',
        'proxy-authorization': 'p',
        host: 'elsewhere',
      }),
    ).toEqual({
      'content-type': 'application/json',
      authorization: 'Bearer k',
      'anthropic-beta': 'x',
      'x-stainless-lang': 'js',
      'x-gateway-hops': '1',
    });
  });

  it('adds one to what came in', () => {
    expect(outboundHeaders(receivedTrail({ 'x-gateway-hops': '2' }))['x-gateway-hops']).toBe('3');
    expect(receivedTrail({})).toEqual({});
  });
});

describe('endToEnd', () => {
  it('leaves out what connection names, in any case, and nothing else', () => {
    const headers = { 'anthropic-beta': 'x', 'anthropic-version': 'y', traceparent: 'z', 'x-gateway-hops': '2' };
    const connection = 'keep-alive, Anthropic-Beta ,traceparent,x-gateway-hops';
    expect(endToEnd({ ...headers, connection })).toEqual({
      connection,
      'anthropic-version': 'y',
      'x-gateway-hops': '2',
    });
    for (const usual of [{}, { connection: 'keep-alive' }, { connection: 'close' }, { connection: '' }])
      expect(endToEnd({ ...headers, ...usual })).toEqual({ ...headers, ...usual });
  });
});

describe('receivedTrail', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  it('brings a trace along unchanged, to the provider', () => {
    const trail = receivedTrail({ traceparent, tracestate: 'vendor=1', cookie: 'secret' });
    expect(trail).toEqual({ traceparent, tracestate: 'vendor=1' });
    expect(outboundHeaders(trail)).toEqual({ traceparent, tracestate: 'vendor=1', 'x-gateway-hops': '1' });
  });

  it('passes over what is no trace, and a state without one', () => {
    expect(receivedTrail({ traceparent: 'junk', tracestate: 'vendor=1' })).toEqual({});
    expect(receivedTrail({ tracestate: 'vendor=1' })).toEqual({});
    expect(receivedTrail({ traceparent, tracestate: 'x'.repeat(513) })).toEqual({ traceparent });
  });
});

describe('refuseLoop (OVL-6)', () => {
  it('refuses the third hop and nothing before', () => {
    for (const hops of [undefined, '0', '1', '2', '', '-1', 'many', '1e9']) {
      expect(() => refuseLoop({ 'x-gateway-hops': hops })).not.toThrow();
    }
    for (const hops of ['3', '4', '9999']) {
      let thrown: unknown;
      try {
        refuseLoop({ 'x-gateway-hops': hops });
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(GatewayError);
      expect(thrown).toMatchObject({ status: 508, code: 'request_loop', shouldRetry: false });
    }
  });
});
