import { readFileSync } from 'node:fs';
import path from 'node:path';
import { existsSync } from 'node:fs';
import { UpstreamError } from '../../core/errors';
import { SseParser } from '../../core/sse-parser';
import type { StreamEvent } from '../../core/reply';
import { OpenAiStreamReader, openAiUsage } from './from-openai';

function read(text: string): { events: StreamEvent[]; reader: OpenAiStreamReader } {
  const reader = new OpenAiStreamReader('p');
  const parser = new SseParser();
  const events = parser.push(Buffer.from(text)).flatMap((event) => reader.push(event));
  const last = parser.finish();
  if (last) events.push(...reader.push(last));
  events.push(...reader.finish());
  return { events, reader };
}

const chunk = (delta: object, rest: object = {}, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c', model: 'm-2024', choices: [{ index: 0, delta, finish_reason: finish }], ...rest })}\n\n`;
const kinds = (text: string) => read(text).events.map(({ kind }) => kind);

describe('OpenAiStreamReader', () => {
  it('tells lifecycle, content, usage and end apart', () => {
    const text =
      chunk({ role: 'assistant', content: '', refusal: null }) +
      chunk({ content: 'Hel' }) +
      ': keep-alive\n\n' +
      chunk({}, {}, 'stop') +
      'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n' +
      'data: [DONE]\n\n';
    expect(kinds(text)).toEqual(['lifecycle', 'content', 'idle', 'content', 'usage', 'end']);
    const { events, reader } = read(text);
    expect(reader.model).toBe('m-2024');
    expect(Buffer.concat(events.map(({ raw }) => raw ?? Buffer.alloc(0))).toString()).toBe(text);
    expect(events[3]?.finish).toBe('stop');
    expect(events[4]?.usage).toMatchObject({ inputTokens: 3, outputTokens: 2 });
  });

  it.each([
    ['tool calls', { tool_calls: [{ index: 0, id: 'x', function: { name: 'f', arguments: '{"a":' } }] }, 'f{"a":'],
    ['reasoning_content', { reasoning_content: 'hm' }, 'hm'],
    ['reasoning', { reasoning: 'hm' }, 'hm'],
    ['a refusal', { refusal: 'no' }, 'no'],
    ['a legacy function call', { function_call: { name: 'f', arguments: '{}' } }, 'f{}'],
    ['something unknown', { audio: { data: 'x' } }, ''],
  ])('counts %s as content', (_, delta, text) => {
    const [event] = read(chunk(delta) + chunk({}, {}, 'stop')).events;
    expect(event).toMatchObject({ kind: 'content', text });
  });

  it('a stream without [DONE] is complete when every choice has finished', () => {
    expect(kinds(chunk({ content: 'a' }) + chunk({}, {}, 'eos')).at(-1)).toBe('end');
    const second = chunk({ content: 'b' }).replace('"index":0', '"index":1');
    expect(() => read(chunk({ content: 'a' }) + second + chunk({}, {}, 'stop'))).toThrow(/middle of the answer/);
  });

  it.each([
    ['cut after content', chunk({ content: 'a' }), 'truncated'],
    ['nothing at all', '', 'empty'],
    ['only [DONE]', 'data: [DONE]\n\n', 'empty'],
    ['half an event', chunk({ content: 'a' }) + 'data: {"choices":[{"del', 'truncated'],
    ['not JSON', chunk({ content: 'a' }) + 'data: {oops\n\n', 'malformed'],
    ['a list', 'data: []\n\n', 'malformed'],
  ])('%s is an error', (_, text, reason) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ reason }));
    expect(() => read(text)).toThrow(UpstreamError);
  });

  it.each([
    [{ error: { message: 'slow down', type: 'rate_limit_error', code: 'rate_limit_exceeded' } }, 'rate_limited', 429],
    [{ error: { message: 'boom', type: 'server_error' } }, 'unavailable', 500],
    [{ error: { message: 'busy', code: 529 } }, 'unavailable', 529],
    [{ error: 'just text' }, 'unavailable', 500],
  ])('an error event %j is %s', (data, failure, status) => {
    expect(() => read(`data: ${JSON.stringify(data)}\n\n`)).toThrow(
      expect.objectContaining({ failure, status, reason: 'stream_error' }),
    );
  });

  it('reads usage of servers that leave out the details', () => {
    expect(openAiUsage({ prompt_tokens: 5, completion_tokens: 7 })).toMatchObject({
      inputTokens: 5,
      outputTokens: 7,
      cacheReadTokens: 0,
    });
    expect(openAiUsage({ prompt_tokens: null, completion_tokens: 'x' })).toBeNull();
    expect(openAiUsage({ prompt_tokens: 0, completion_tokens: 0 })).toBeNull();
    expect(openAiUsage({})).toBeNull();
    expect(openAiUsage(null)).toBeNull();
    expect(
      openAiUsage({
        prompt_tokens: 2000,
        completion_tokens: 50,
        prompt_tokens_details: { cached_tokens: 1024, audio_tokens: 3 },
        completion_tokens_details: { reasoning_tokens: 40, audio_tokens: 2 },
      }),
    ).toMatchObject({ cacheReadTokens: 1024, inputAudioTokens: 3, reasoningTokens: 40, outputAudioTokens: 2 });
  });
});

const fixtures = path.resolve(__dirname, '../../../../shared/fixtures');
const recordings = existsSync(fixtures)
  ? readFileSync(path.join(fixtures, 'manifest.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as {
            id: string;
            file: string;
            endpoint: string;
            streaming: boolean;
            status: number;
            features: string[];
          },
      )
      .filter(({ endpoint, streaming, status }) => endpoint === '/v1/chat/completions' && streaming && status === 200)
  : [];
if (recordings.length === 0) console.warn('Recorded traffic is not here: replay of streams skipped');
const recorded = recordings.length === 0 ? it.skip : it;

describe('recorded Chat Completions streams', () => {
  recorded('read to their end with every byte kept, or fail as the provider meant', () => {
    let complete = 0;
    let failed = 0;
    for (const { file, features } of recordings) {
      const { response } = JSON.parse(readFileSync(path.join(fixtures, file), 'utf8')) as {
        response: { sse: string | null };
      };
      if (!response.sse) continue;
      const isFault = features.some((feature) => feature.startsWith('fault_') || feature === 'sse_error_event');
      if (isFault) {
        expect(() => read(response.sse ?? '')).toThrow(UpstreamError);
        failed += 1;
        continue;
      }
      const { events } = read(response.sse);
      expect(events.at(-1)?.kind).toBe('end');
      const bytes = Buffer.concat(events.map(({ raw }) => raw ?? Buffer.alloc(0))).toString();
      expect(bytes.trimEnd().replace(/\n*data: \[DONE\]$/, '')).toBe(
        response.sse.trimEnd().replace(/\n*data: \[DONE\]$/, ''),
      );
      complete += 1;
    }
    console.log(`recorded streams: ${complete} complete, ${failed} failed as recorded, of ${recordings.length}`);
  });
});
