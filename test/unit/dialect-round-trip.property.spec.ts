import * as fc from 'fast-check';
import type { ChatBody, ChatMessage, JsonObject } from '../../src/core/chat';
import { toCanonical } from '../../src/gateway/dialects/anthropic/to-canonical';
import { toAnthropic } from '../../src/providers/anthropic/to-anthropic';

const words = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  .filter((text) => /\S/.test(text) && text === text.trim());
const input = fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), fc.oneof(words, fc.integer(), fc.boolean()), {
  maxKeys: 3,
});
const image = fc.constantFrom('https://example.com/a.png', 'data:image/png;base64,iVBORw0KGgo=');

const user: fc.Arbitrary<ChatMessage> = fc.oneof(
  words.map((content) => ({ role: 'user', content })),
  fc.tuple(words, image).map(([text, url]) => ({
    role: 'user',
    content: [
      { type: 'text', text },
      { type: 'image_url', image_url: { url } },
    ],
  })),
);
const plainAnswer: fc.Arbitrary<ChatMessage[]> = words.map((content) => [{ role: 'assistant', content }]);
const toolAnswer: fc.Arbitrary<ChatMessage[]> = fc
  .tuple(
    fc.option(words),
    fc.array(fc.tuple(fc.constantFrom('read', 'write'), input, fc.oneof(fc.constant(''), words)), {
      minLength: 1,
      maxLength: 3,
    }),
    words,
  )
  .map(([content, calls, closing]) => [
    {
      role: 'assistant',
      content,
      tool_calls: calls.map(([name, args], index) => ({
        id: `call_${index}`,
        type: 'function',
        function: { name, arguments: JSON.stringify(args) },
      })),
    },
    ...calls.map(([, , result], index) => ({ role: 'tool', tool_call_id: `call_${index}`, content: result })),
    { role: 'assistant', content: closing },
  ]);

/** Ids are unique over the whole conversation, as the API wants them. */
function withOwnIds(turn: ChatMessage[], prefix: number): ChatMessage[] {
  return turn.map((message) => ({
    ...message,
    ...(message.tool_call_id === undefined ? {} : { tool_call_id: `${prefix}_${message.tool_call_id}` }),
    ...(message.tool_calls === undefined
      ? {}
      : { tool_calls: message.tool_calls.map((call) => ({ ...call, id: `${prefix}_${call.id}` })) }),
  }));
}

const conversation = fc
  .tuple(fc.option(words), fc.array(fc.tuple(user, fc.oneof(plainAnswer, toolAnswer)), { maxLength: 4 }), user)
  .map(([system, exchanges, last]) => [
    ...(system === null ? [] : [{ role: 'system', content: system }]),
    ...exchanges.flatMap(([question, turn], index) => [question, ...withOwnIds(turn, index)]),
    last,
  ]);

const parameters = fc.record(
  {
    max_completion_tokens: fc.integer({ min: 1, max: 9999 }),
    temperature: fc.constantFrom(0, 0.5, 1),
    stop: fc.array(words, { minLength: 1, maxLength: 4 }),
    user: fc.constant('u1'),
    parallel_tool_calls: fc.constant(false),
    tool_choice: fc.constantFrom('auto', 'required', 'none', { type: 'function', function: { name: 'read' } }),
  },
  { requiredKeys: ['max_completion_tokens', 'tool_choice'] },
);

const TOOLS = ['read', 'write'].map((name) => ({
  type: 'function',
  function: {
    name,
    description: `To ${name}`,
    parameters: { type: 'object', properties: { path: { type: 'string' } } },
  },
}));

describe('a conversation from OpenAI’s dialect to Anthropic’s and back', () => {
  it('keeps roles, texts, images, tool calls, results and parameters', () => {
    fc.assert(
      fc.property(conversation, parameters, (messages, extra) => {
        const body = { model: 'asked', messages, tools: TOOLS, ...extra } as unknown as ChatBody;
        const { body: request, warnings } = toAnthropic(body, {
          model: 'claude-3-5-haiku-20241022',
          maxOutputTokens: 100,
        });
        const wire = JSON.parse(JSON.stringify(request)) as JsonObject;
        const {
          tool_choice: choice,
          parallel_tool_calls: parallel,
          ...back
        } = toCanonical({ ...wire, model: 'asked' });
        const { tool_choice: askedChoice, parallel_tool_calls: askedParallel, ...asked } = body;
        expect(back).toEqual(asked);
        expect(choice).toEqual(askedChoice);
        expect(parallel).toBe(askedChoice === 'none' ? undefined : askedParallel);
        expect(warnings).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
