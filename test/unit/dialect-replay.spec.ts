import type { ChatBody, ChatChunk, ChatCompletion, JsonObject } from '../../src/core/chat';
import { InvalidRequestError } from '../../src/core/errors';
import type { StreamEvent } from '../../src/core/reply';
import { AnthropicEventWriter, fromCompletion } from '../../src/gateway/dialects/anthropic/from-canonical';
import { StrictAnthropicClient } from '../../src/gateway/dialects/anthropic/testing/strict-anthropic-client';
import { toCanonical } from '../../src/gateway/dialects/anthropic/to-canonical';
import { fromAnthropicMessage } from '../../src/providers/anthropic/from-anthropic';
import { AnthropicStreamTranslator } from '../../src/providers/anthropic/from-anthropic.stream';
import { toAnthropic } from '../../src/providers/anthropic/to-anthropic';
import { strictAnthropicProblem } from '../../src/providers/simulator/server/strict-anthropic';
import { fixturesOf, sseData, type Fixture } from '../support/fixtures';

const chat = fixturesOf('/v1/chat/completions');
const messages = fixturesOf('/v1/messages');

type Json = Record<string, unknown>;
const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const str = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Says how many recordings were replayed; on a machine without recordings there is nothing to expect. */
function report(name: string, counts: Record<string, number>, recorded: readonly Fixture[]): void {
  const told = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  process.stdout.write(`${name}: ${told.join(', ')}\n`);
  if (recorded.length > 0) expect(Object.values(counts)[0]).toBeGreaterThan(0);
}

/** The field a request was refused for, without its place in the list: `messages.content.type`. */
const fieldOf = (error: InvalidRequestError): string => (error.param ?? '').replace(/\[\d+\]/g, '');

const eventsOf = (fixture: Fixture): Json[] =>
  sseData(fixture.response.sse ?? '').filter((data): data is Json => typeof data === 'object' && data !== null);

/** A canonical answer must be one that OpenAI's own clients read. */
function expectValidCompletion(completion: ChatCompletion): void {
  const [choice] = completion.choices;
  expect(completion.id).toMatch(/./);
  expect(completion.model).toMatch(/./);
  expect(['stop', 'length', 'tool_calls', 'content_filter']).toContain(choice?.finish_reason);
  expect(choice?.message.role).toBe('assistant');
  for (const call of choice?.message.tool_calls ?? []) {
    expect(call).toMatchObject({
      id: expect.stringMatching(/./),
      type: 'function',
      function: { name: expect.stringMatching(/./) },
    });
    expect(JSON.parse(call.function.arguments)).toBeInstanceOf(Object);
  }
}

describe('recorded traffic through the translation', () => {
  it('every Anthropic message becomes a canonical completion with all of its text, and comes back', () => {
    const recorded = messages.filter(
      ({ response }) => response.status === 200 && Array.isArray(response.body?.['content']),
    );
    for (const { response } of recorded) {
      const message = response.body as JsonObject;
      const { completion, usage } = fromAnthropicMessage(message, { jsonTool: null, createdSeconds: 1 });
      expectValidCompletion(completion);
      const blocks = list(message['content']);
      const text = blocks
        .filter(({ type }) => type === 'text')
        .map((block) => str(block['text']))
        .join('');
      const tools = blocks.filter(({ type }) => type === 'tool_use');
      expect(completion.choices[0]?.message.content ?? '').toBe(text);
      expect(completion.choices[0]?.message.tool_calls ?? []).toHaveLength(tools.length);
      expect(usage?.inputTokens).toBeGreaterThanOrEqual(Number((message['usage'] as Json)['input_tokens']));
      const back = fromCompletion(completion, 'm');
      const backBlocks = list(back['content']);
      expect(
        backBlocks
          .filter(({ type }) => type === 'text')
          .map((block) => str(block['text']))
          .join(''),
      ).toBe(text);
      expect(backBlocks.filter(({ type }) => type === 'tool_use')).toEqual(
        tools.map(({ type, id, name, input }) => ({ type, id, name, input })),
      );
    }
    report('Anthropic messages', { translated: recorded.length }, messages);
  });

  it('every Anthropic stream becomes a canonical stream with all of its text', () => {
    let complete = 0;
    let broken = 0;
    for (const fixture of messages.filter(({ response }) => response.sse !== null && response.status === 200)) {
      const events = eventsOf(fixture);
      const translator = new AnthropicStreamTranslator({ jsonTool: null, createdSeconds: 1, includeUsage: true });
      const translated = events.filter(({ type }) => type !== 'error').flatMap((event) => translator.push(event));
      const chunks = translated.flatMap(({ data }) => (data ? [data as unknown as ChatChunk] : []));
      const pieces = events
        .flatMap((event) => [event['delta'], event['content_block']])
        .map((piece) => (piece ?? {}) as Json);
      const texts = pieces.filter(({ type }) => type === 'text' || type === 'text_delta');
      const content = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? ''));
      expect(content.join('')).toBe(texts.map((piece) => str(piece['text'])).join(''));
      expect(new Set(chunks.map(({ id }) => id)).size).toBeLessThanOrEqual(1);
      if (!events.some(({ type }) => type === 'message_stop')) {
        expect(translated.some(({ kind }) => kind === 'end')).toBe(false);
        broken += 1;
        continue;
      }
      const calls = chunks.flatMap((chunk) => chunk.choices.flatMap((choice) => choice.delta.tool_calls ?? []));
      const started = pieces.filter(({ type }) => type === 'tool_use');
      expect(calls.filter(({ id }) => id !== undefined).map(({ id }) => id)).toEqual(started.map(({ id }) => id));
      for (const index of new Set(calls.map((call) => call.index))) {
        const json = calls.filter((call) => call.index === index).map((call) => call.function?.arguments ?? '');
        expect(JSON.parse(json.join(''))).toBeInstanceOf(Object);
      }
      const kinds = translated.map(({ kind }) => kind).filter((kind) => kind !== 'idle');
      expect(kinds[0]).toBe('lifecycle');
      expect(kinds.slice(-2)).toEqual(['usage', 'end']);
      expect(chunks.flatMap(({ choices }) => choices).filter((choice) => choice.finish_reason !== null)).toHaveLength(
        1,
      );
      complete += 1;
    }
    report('Anthropic streams', { complete, 'cut or ended by an error': broken }, messages);
  });

  it('every Anthropic stream survives the way to OpenAI’s dialect and back in order', () => {
    let replayed = 0;
    for (const fixture of messages.filter(({ response }) => response.sse !== null && response.status === 200)) {
      const events = eventsOf(fixture);
      if (!events.some(({ type }) => type === 'message_stop')) continue;
      const translator = new AnthropicStreamTranslator({ jsonTool: null, createdSeconds: 1, includeUsage: true });
      const writer = new AnthropicEventWriter({ inputTokensEstimate: 1 });
      const client = StrictAnthropicClient.read(
        events.flatMap((event) => translator.push(event)).flatMap((event) => writer.push(event)),
      );
      expect(client.isComplete).toBe(true);
      replayed += 1;
    }
    report('Anthropic streams there and back', { replayed }, messages);
  });

  it('every OpenAI stream becomes Anthropic events in order, with all of its text', () => {
    let replayed = 0;
    for (const fixture of chat.filter(({ response }) => response.sse !== null && response.status === 200)) {
      const chunks = eventsOf(fixture).filter((data) => Array.isArray(data['choices']));
      if (chunks.length === 0) continue;
      const writer = new AnthropicEventWriter({ inputTokensEstimate: 1 });
      const plain: Omit<StreamEvent, 'kind' | 'data'> = { name: null, raw: null, usage: null, text: '', finish: null };
      const events: StreamEvent[] = [
        ...chunks.map((data): StreamEvent => ({
          ...plain,
          kind: list(data['choices']).length > 0 || !data['usage'] ? 'content' : 'usage',
          data,
        })),
        { ...plain, kind: 'end', data: null },
      ];
      const client = StrictAnthropicClient.read(events.flatMap((event) => writer.push(event)));
      const firsts = chunks.flatMap((data) => list(data['choices'])).filter((choice) => (choice['index'] ?? 0) === 0);
      const deltas = firsts.map((choice) => (choice['delta'] ?? {}) as Json);
      const expected = deltas.map(
        (delta) =>
          str(delta['content']) ||
          list(delta['content'])
            .map((part) => str(part['text']))
            .join('') ||
          str(delta['refusal']),
      );
      expect(
        client.blocks
          .filter(({ type }) => type === 'text')
          .map(({ text }) => text)
          .join(''),
      ).toBe(expected.join(''));
      const json = deltas
        .flatMap((delta) => list(delta['tool_calls']))
        .map((call) => str(((call['function'] ?? {}) as Json)['arguments']));
      const inputs = client.blocks.filter(({ type }) => type === 'tool_use').map(({ text }) => text);
      expect(inputs.join('').length).toBe(json.join('').length);
      expect(client.isComplete).toBe(true);
      replayed += 1;
    }
    report('OpenAI streams', { replayed }, chat);
  });

  it('every OpenAI completion becomes an Anthropic message with all of its text', () => {
    const recorded = chat.filter(
      ({ response }) => response.status === 200 && list(response.body?.['choices']).length > 0,
    );
    for (const { response } of recorded) {
      const completion = response.body as unknown as ChatCompletion;
      const message = fromCompletion(completion, 'm');
      const content = completion.choices[0]?.message.content;
      const expected =
        typeof content === 'string'
          ? content
          : list(content)
              .map((part) => str(part['text']))
              .join('');
      const texts = list(message['content'])
        .filter(({ type }) => type === 'text')
        .map((block) => str(block['text']));
      expect(texts.join('')).toBe(expected + str(completion.choices[0]?.message.refusal));
      expect(list(message['content']).filter(({ type }) => type === 'tool_use').length).toBe(
        (completion.choices[0]?.message.tool_calls ?? []).length +
          (completion.choices[0]?.message['function_call'] ? 1 : 0),
      );
    }
    report('OpenAI completions', { translated: recorded.length }, chat);
  });

  it('every OpenAI request becomes a Messages request, or is refused with its field', () => {
    const requests = chat.filter(({ request }) => Array.isArray(request.body?.['messages']));
    const refusals: string[] = [];
    for (const { request } of requests) {
      const before = JSON.stringify(request.body);
      try {
        const { body } = toAnthropic(request.body as unknown as ChatBody, {
          model: 'claude-sonnet-4-5',
          maxOutputTokens: 4096,
        });
        expect(strictAnthropicProblem(JSON.parse(JSON.stringify(body)) as JsonObject)).toBeNull();
        const turns = list(body['messages']);
        expect(turns[0]?.['role']).toBe('user');
        for (const [index, turn] of turns.entries()) {
          expect(turn['role']).not.toBe(turns[index - 1]?.['role']);
          expect(list(turn['content']).length).toBeGreaterThan(0);
        }
        expect(() => toCanonical({ ...body, tools: [] })).not.toThrow();
      } catch (error) {
        if (!(error instanceof InvalidRequestError)) throw error;
        expect(error.param).toMatch(/./);
        refusals.push(fieldOf(error));
      }
      expect(JSON.stringify(request.body)).toBe(before);
    }
    report('OpenAI requests', { translated: requests.length - refusals.length, refused: refusals.length }, chat);
    process.stdout.write(`  refused for: ${[...new Set(refusals)].join(', ')}\n`);
    expect(refusals.length).toBeLessThan(Math.max(1, requests.length * 0.35));
  });

  it('every Anthropic request becomes a chat body, or is refused with its field', () => {
    const requests = messages.filter(({ request }) => Array.isArray(request.body?.['messages']));
    const refusals: string[] = [];
    for (const { request } of requests) {
      try {
        const body = toCanonical(request.body as JsonObject);
        expect(body.messages.length).toBeGreaterThan(0);
        const { messages: back } = toAnthropic(body, { model: 'claude-sonnet-4-5', maxOutputTokens: 4096 }).body;
        expect(list(back).length).toBeGreaterThan(0);
      } catch (error) {
        if (!(error instanceof InvalidRequestError)) throw error;
        expect(error.param).toMatch(/./);
        refusals.push(fieldOf(error));
      }
    }
    report('Anthropic requests', { translated: requests.length - refusals.length, refused: refusals.length }, messages);
    process.stdout.write(`  refused for: ${[...new Set(refusals)].join(', ')}\n`);
    expect(refusals.length).toBeLessThan(Math.max(1, requests.length * 0.35));
  });
});
