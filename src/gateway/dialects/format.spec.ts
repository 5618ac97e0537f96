import { ProviderChainError, RequestTooLargeError, InvalidApiKeyError, OverloadedError } from '../../core/errors';
import type { JsonObject } from '../../core/chat';
import type { StreamEvent, StreamReply } from '../../core/reply';
import { NO_USAGE } from '../../core/tokens';
import type { StreamOptions } from './format';
import { DIALECTS } from '.';

const event = (data: JsonObject | null, change: Partial<StreamEvent> = {}): StreamEvent => ({
  kind: 'content',
  name: null,
  data,
  raw: null,
  usage: null,
  text: '',
  finish: null,
  ...change,
});
const reply = (dialect: 'openai' | 'anthropic') => ({ kind: 'stream', dialect, model: 'm' }) as StreamReply;
const options = (includeUsage: boolean): StreamOptions => ({
  includeUsage,
  costUsd: () => 0.25,
  estimatedInputTokens: () => 7,
  asked: {},
});

describe('the OpenAI stream', () => {
  const usage = { prompt_tokens: 3 };

  it('passes events of its own dialect on byte for byte', () => {
    const raw = Buffer.from('data: {"choices" : [ ]}\n\n');
    expect(DIALECTS.openai.replies.stream(reply('openai'), options(false)).write(event({ choices: [] }, { raw }))).toBe(
      raw,
    );
  });

  it('puts the cost beside the final usage only, and hides the usage from who did not ask', () => {
    const last = event({ choices: [], usage }, { kind: 'usage', usage: NO_USAGE });
    const early = event({ choices: [{}], usage: null }, { usage: NO_USAGE });
    const asked = DIALECTS.openai.replies.stream(reply('openai'), options(true));
    expect(asked.write(last)).toBe('data: {"choices":[],"usage":{"prompt_tokens":3,"cost":0.25}}\n\n');
    expect(asked.write(early)).toBe('data: {"choices":[{}],"usage":null}\n\n');
    expect(DIALECTS.openai.replies.stream(reply('openai'), options(false)).write(last)).toBe('');
  });

  it('ends with [DONE], also where the provider had none', () => {
    expect(DIALECTS.openai.replies.stream(reply('openai'), options(false)).write(event(null, { kind: 'end' }))).toBe(
      'data: [DONE]\n\n',
    );
  });
});

describe('the Anthropic stream', () => {
  it('passes events on byte for byte, with the cost beside the final usage', () => {
    const stream = DIALECTS.anthropic.replies.stream(reply('anthropic'), options(true));
    const raw = Buffer.from('event: ping\ndata: {"type": "ping"}\n\n');
    expect(stream.write(event({ type: 'ping' }, { raw }))).toBe(raw);
    const start = event({ type: 'message_start', message: {} }, { raw, usage: NO_USAGE });
    expect(stream.write(start)).toBe(raw);
    const final = event(
      { type: 'message_delta', usage: { output_tokens: 4 } },
      { name: 'message_delta', usage: NO_USAGE },
    );
    expect(stream.write(final)).toBe(
      'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":4,"cost":0.25}}\n\n',
    );
    expect(stream.write(event({ type: 'message_delta', delta: {} }, { raw }))).toBe(raw);
  });
});

describe('errors', () => {
  const chain = (status: number, dialect: 'openai' | 'anthropic') =>
    new ProviderChainError(
      { status, code: 'provider_error', type: 'api_error', message: 'No provider could answer.' },
      [{ provider: 'p', model: 'm', error: 'http_500', status: 500 }],
      { dialect, body: Buffer.from('{"own":"words"}') },
    );

  it('keep the provider’s own words for callers of its dialect, and say ours to all others', () => {
    expect(DIALECTS.openai.errors.body(chain(500, 'openai'), 'req_1').toString()).toBe('{"own":"words"}');
    expect(JSON.parse(DIALECTS.anthropic.errors.body(chain(500, 'openai'), 'req_1').toString())).toMatchObject({
      type: 'error',
      error: { type: 'api_error', message: 'No provider could answer.', details: { code: 'provider_error' } },
      request_id: 'req_1',
    });
    expect(DIALECTS.anthropic.errors.body(chain(529, 'anthropic'), 'req_1').toString()).toBe('{"own":"words"}');
  });

  it('(96) 529 is Anthropic’s: OpenAI clients get 503', () => {
    expect(DIALECTS.openai.errors.status(chain(529, 'anthropic'))).toBe(503);
    expect(DIALECTS.anthropic.errors.status(chain(529, 'anthropic'))).toBe(529);
  });

  it.each([
    [new InvalidApiKeyError(), 'invalid_request_error', 'authentication_error'],
    [new RequestTooLargeError(10), 'invalid_request_error', 'request_too_large'],
    [new OverloadedError('busy', 1000), 'server_error', 'overloaded_error'],
  ])('%# has the type of each dialect', (error, openai, anthropic) => {
    expect(JSON.parse(DIALECTS.openai.errors.body(error, 'r').toString())).toMatchObject({
      error: { type: openai, code: error.code, param: null },
    });
    expect(JSON.parse(DIALECTS.anthropic.errors.body(error, 'r').toString())).toMatchObject({
      error: { type: anthropic },
    });
  });

  it('in a stream are one event of the dialect', () => {
    const error = new OverloadedError('busy', 1000);
    expect(DIALECTS.openai.errors.event(error, 'r')).toMatch(/^data: \{"error":.*\}\n\n$/);
    expect(DIALECTS.anthropic.errors.event(error, 'r')).toMatch(/^event: error\ndata: \{"type":"error".*\}\n\n$/);
  });
});
