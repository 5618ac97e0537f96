import type { JsonObject } from '../../../core/chat';
import type { StreamEvent } from '../../../core/reply';
import { fromCompletion } from './from-canonical';
import { ResponsesEventWriter } from './from-canonical.stream';
import { openThinking } from './thinking-seal';

const event = (kind: StreamEvent['kind'], data: JsonObject | null = null): StreamEvent => ({
  kind,
  name: null,
  data,
  raw: null,
  usage: null,
  text: '',
  finish: null,
});
const chunk = (delta: JsonObject, finish: string | null = null): StreamEvent =>
  event('content', { id: 'chatcmpl-7', created: 5, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] });

function run(events: readonly StreamEvent[], asked: JsonObject = {}): JsonObject[] {
  const writer = new ResponsesEventWriter({ asked, inputTokensEstimate: 11 });
  return [...events, event('end')].flatMap((item) => writer.push(item));
}
const typesOf = (events: readonly JsonObject[]): string[] => events.map(({ type }) => String(type).slice(9));
const responseOf = (events: readonly JsonObject[]) =>
  events.at(-1)?.['response'] as { output: JsonObject[]; usage: JsonObject; status: string };

describe('canonical stream → Responses events', () => {
  it('words: the order and the numbers of the API', () => {
    const events = run([
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'Hel' }),
      chunk({ content: 'lo' }, 'stop'),
    ]);
    expect(typesOf(events)).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'completed',
    ]);
    expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, index) => index));
    expect(responseOf(events)).toMatchObject({
      id: 'resp_7',
      status: 'completed',
      store: false,
      output: [{ type: 'message', content: [{ type: 'output_text', text: 'Hello' }] }],
      usage: { input_tokens: 11 },
    });
  });

  it('reasoning, words and interleaved calls are items of their own', () => {
    const part = (index: number, text: string, more: JsonObject = {}) =>
      chunk({ tool_calls: [{ index, ...more, function: { arguments: text, ...(more['id'] ? { name: 'f' } : {}) } }] });
    const events = run([
      chunk({ reasoning_content: 'hm' }),
      chunk({ content: 'Now:' }),
      part(0, '{"a"', { id: 'c1' }),
      part(1, '', { id: 'c2' }),
      part(0, ':1}'),
      chunk({}, 'tool_calls'),
    ]);
    const { output } = responseOf(events);
    expect(output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'function_call', 'function_call']);
    expect(output[2]).toMatchObject({ call_id: 'c1', name: 'f', arguments: '{"a":1}' });
    expect(output[3]).toMatchObject({ call_id: 'c2', arguments: '{}' });
    expect(new Set(output.map(({ id }) => id)).size).toBe(4);
    expect(typesOf(events).filter((type) => type === 'output_item.done')).toHaveLength(4);
  });

  it('servers without indexes or ids: calls are told apart by their names', () => {
    const call = (name: string, text: string) => chunk({ tool_calls: [{ function: { name, arguments: text } }] });
    const { output } = responseOf(run([call('f', '{"a":'), call('', '1}'), call('g', '{}'), chunk({}, 'tool_calls')]));
    expect(output).toMatchObject([
      { name: 'f', arguments: '{"a":1}' },
      { name: 'g', arguments: '{}' },
    ]);
    expect(output[0]?.['call_id']).not.toBe(output[1]?.['call_id']);
  });

  it('citations belong to the text, also when they come after the calls', () => {
    const annotations = [{ type: 'url_citation', url_citation: { url: 'https://e.org' } }];
    const call = chunk({ tool_calls: [{ index: 0, id: 'c1', function: { name: 'f', arguments: '{}' } }] });
    const late = responseOf(run([chunk({ content: 'x' }), call, chunk({ annotations }, 'tool_calls')]));
    expect(late.output.map(({ type }) => type)).toEqual(['message', 'function_call']);
    const cited = { content: [{ text: 'x', annotations: [{ type: 'url_citation', url: 'https://e.org' }] }] };
    expect(late.output[0]).toMatchObject(cited);
    const events = run([chunk({ content: 'x' }), chunk({ annotations }, 'stop')]);
    expect(typesOf(events)).toContain('output_text.annotation.added');
    expect(responseOf(events).output).toMatchObject([cited]);
  });

  it('signed thinking goes out when it is asked for, in an item that is done at the end', () => {
    const blocks = [{ type: 'thinking', thinking: 'hm', signature: 's' }];
    const told = [
      chunk({ reasoning_content: 'hm' }),
      chunk({ content: 'x' }),
      chunk({ thinking_blocks: blocks }, 'stop'),
    ];
    const [reasoning] = responseOf(run(told, { include: ['reasoning.encrypted_content'] })).output;
    expect(openThinking(reasoning?.['encrypted_content'])).toEqual(blocks);
    expect(responseOf(run(told)).output[0]).not.toHaveProperty('encrypted_content');
  });

  it.each([
    ['length', 'max_output_tokens'],
    ['content_filter', 'content_filter'],
  ])('%s is incomplete', (finish, reason) => {
    const events = run([chunk({ content: 'x' }, finish)]);
    expect(typesOf(events).at(-1)).toBe('incomplete');
    expect(responseOf(events)).toMatchObject({ status: 'incomplete', incomplete_details: { reason } });
  });

  it('an empty answer has an empty message; nothing follows the end', () => {
    const writer = new ResponsesEventWriter({ asked: { model: 'm' }, inputTokensEstimate: null });
    const events = writer.push(event('end'));
    expect(responseOf(events)).toMatchObject({ model: 'm', usage: null, output: [{ content: [{ text: '' }] }] });
    expect(writer.push(chunk({ content: 'late' }))).toEqual([]);
  });
});

describe('canonical completion → response object', () => {
  it('has refusals, citations, usage and what the request said', () => {
    const cited = { url: 'https://e.org', title: 't', start_index: 0, end_index: 1 };
    const response = fromCompletion(
      {
        id: 'msg_1',
        created: 9,
        model: 'claude',
        choices: [
          {
            index: 0,
            finish_reason: 'stop',
            message: {
              role: 'assistant',
              content: 'Yes',
              refusal: 'No',
              annotations: [{ type: 'url_citation', url_citation: cited }],
            },
          },
        ],
        usage: { prompt_tokens: 8, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 3 } },
      },
      { instructions: 'Be brief.', temperature: 0.2 },
    );
    expect(response).toMatchObject({
      id: 'resp_1',
      created_at: 9,
      instructions: 'Be brief.',
      temperature: 0.2,
      usage: { input_tokens: 8, input_tokens_details: { cached_tokens: 3 }, output_tokens: 2, total_tokens: 10 },
    });
    const [message] = response['output'] as { content: JsonObject[] }[];
    expect(message?.content.map(({ type }) => type)).toContain('refusal');
    expect(JSON.stringify(message?.content[0])).toContain('"url":"https://e.org"');
  });
});
