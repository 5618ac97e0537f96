import { UpstreamError } from '../../core/errors';
import type { StreamEvent } from '../../core/reply';
import { readResponse, ResponsesStreamReader } from './from-openai-responses';

const sse = (data: Record<string, unknown>) => {
  const text = JSON.stringify(data);
  return {
    name: String(data['type']),
    data: text,
    raw: Buffer.from(`event: ${String(data['type'])}\ndata: ${text}\n\n`),
  };
};
const usage = {
  input_tokens: 10,
  input_tokens_details: { cached_tokens: 4 },
  output_tokens: 6,
  output_tokens_details: { reasoning_tokens: 2 },
};
const created = sse({ type: 'response.created', response: { model: 'gpt-5-2025', status: 'in_progress', output: [] } });
const delta = sse({ type: 'response.output_text.delta', delta: 'Hi' });
const ended = (type: string, response: Record<string, unknown>) =>
  sse({ type, response: { output: [], usage, ...response } });

function read(events: readonly ReturnType<typeof sse>[]): { events: StreamEvent[]; error: UpstreamError | null } {
  const reader = new ResponsesStreamReader('openai');
  const seen: StreamEvent[] = [];
  try {
    for (const event of events) seen.push(...reader.push(event));
    seen.push(...reader.finish());
    return { events: seen, error: null };
  } catch (error) {
    if (error instanceof UpstreamError) return { events: seen, error };
    throw error;
  }
}

describe('the Responses stream of OpenAI', () => {
  it('begins with the first delta and ends with its usage', () => {
    const output = [
      { type: 'web_search_call', action: { type: 'search' } },
      { type: 'web_search_call', action: { type: 'open_page' } },
    ];
    const { events, error } = read([created, delta, ended('response.completed', { status: 'completed', output })]);
    expect(error).toBeNull();
    expect(events.map(({ kind }) => kind)).toEqual(['lifecycle', 'content', 'end']);
    expect(events.map(({ raw }) => raw?.toString())).toEqual(
      [created, delta].map(({ raw }) => raw.toString()).concat(events[2]?.raw?.toString() ?? ''),
    );
    expect(events[1]?.text).toBe('Hi');
    expect(events[2]?.usage).toMatchObject({
      inputTokens: 10,
      cacheReadTokens: 4,
      outputTokens: 6,
      reasoningTokens: 2,
      webSearches: 1,
    });
  });

  it('incomplete is an end like any other', () => {
    const incomplete = ended('response.incomplete', { status: 'incomplete', incomplete_details: { reason: 'x' } });
    expect(read([created, delta, incomplete]).events.at(-1)).toMatchObject({ kind: 'end', finish: 'length' });
  });

  it('a failed response is an error, after what it says of its usage', () => {
    const failure = { status: 'failed', error: { code: 'server_is_overloaded', message: 'busy' } };
    const { events, error } = read([created, delta, ended('response.failed', failure)]);
    expect(events.at(-1)).toMatchObject({ kind: 'usage', raw: null, usage: { outputTokens: 6 } });
    expect(error).toMatchObject({ failure: 'unavailable', message: 'busy' });
    expect(JSON.parse(error?.body?.toString() ?? '')).toEqual({
      error: { message: 'busy', type: 'server_error', param: null, code: 'server_is_overloaded' },
    });
  });

  it.each([
    ['nested', { type: 'error', sequence_number: 2, error: { type: 'rate_limit_error', code: null, message: 'slow' } }],
    ['flat', { type: 'error', sequence_number: 2, code: 'rate_limit_exceeded', message: 'slow', param: null }],
  ])('an error event is an error, %s', (_, data) => {
    expect(read([created, sse(data)]).error).toMatchObject({ failure: 'rate_limited', message: 'slow' });
  });

  it.each([
    ['nothing', [], 'empty'],
    ['no end', [created, delta], 'truncated'],
    ['half an event', [created, { ...delta, data: '{"type":' }], 'malformed'],
  ])('%s is no answer', (_, events, reason) => {
    expect(read(events).error?.reason).toBe(reason);
  });
});

describe('a response object of OpenAI', () => {
  const whole = (value: Record<string, unknown>) => readResponse('openai', { raw: Buffer.from(''), value }, 'asked');

  it('tells its model, usage and end', () => {
    const value = { model: 'gpt-4o-2024', status: 'completed', output: [{ type: 'function_call' }], usage };
    expect(whole(value)).toMatchObject({ model: 'gpt-4o-2024', finish: 'tool_calls', usage: { inputTokens: 10 } });
    expect(whole({ output: [] })).toMatchObject({ model: 'asked', usage: null, finish: 'stop' });
  });

  it('that failed, or is none, is an error', () => {
    const failed = { status: 'failed', output: [], error: { code: 'server_error', message: 'no' } };
    expect(() => whole(failed)).toThrow(expect.objectContaining({ failure: 'unavailable', message: 'no' }));
    expect(() => whole({ hello: 1 })).toThrow(expect.objectContaining({ reason: 'malformed' }));
  });
});
