import { InvalidRequestError } from '../../../core/errors';
import { sealThinking } from './thinking-seal';
import { toCanonical } from './to-canonical';

const body = (fields: Record<string, unknown> = {}) => ({ model: 'm', input: 'hi', ...fields });

function paramOf(fields: Record<string, unknown>): string | null {
  try {
    toCanonical(body(fields));
  } catch (error) {
    if (error instanceof InvalidRequestError) return error.param;
    throw error;
  }
  throw new Error('it was not refused');
}

const call = { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{"a":1}' };
const output = { type: 'function_call_output', call_id: 'c1', output: 'done' };

describe('Responses request → canonical', () => {
  it('instructions come first, and every field with a counterpart is carried over', () => {
    const canonical = toCanonical(
      body({
        instructions: 'Be brief.',
        max_output_tokens: 50,
        temperature: 0.5,
        parallel_tool_calls: false,
        reasoning: { effort: 'low' },
        tools: [{ type: 'function', name: 'f', parameters: { type: 'object' }, strict: true, description: null }],
        tool_choice: { type: 'function', name: 'f' },
        text: { format: { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true } },
        store: true,
        truncation: 'auto',
        include: ['reasoning.encrypted_content'],
      }),
    );
    expect(canonical).toEqual({
      model: 'm',
      messages: [
        { role: 'developer', content: 'Be brief.' },
        { role: 'user', content: 'hi' },
      ],
      max_completion_tokens: 50,
      temperature: 0.5,
      parallel_tool_calls: false,
      reasoning_effort: 'low',
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' }, strict: true } }],
      tool_choice: { type: 'function', function: { name: 'f' } },
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'n', schema: { type: 'object' }, strict: true },
      },
    });
  });

  it('words and calls of one turn are one assistant message, results follow it', () => {
    const { messages } = toCanonical(
      body({
        input: [
          { role: 'user', content: 'go' },
          { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Looking.' }] },
          call,
          { ...call, call_id: 'c2' },
          output,
          { ...output, call_id: 'c2' },
        ],
      }),
    );
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'tool']);
    expect(messages[1]).toMatchObject({ content: 'Looking.', tool_calls: [{ id: 'c1' }, { id: 'c2' }] });
    expect(messages[2]).toEqual({ role: 'tool', tool_call_id: 'c1', content: 'done' });
  });

  it('images of results come after all results, named by their call', () => {
    const image = { type: 'input_image', image_url: 'data:image/png;base64,AA==' };
    const { messages } = toCanonical(
      body({ input: [call, { ...call, call_id: 'c2' }, { ...output, output: [image] }, { ...output, call_id: 'c2' }] }),
    );
    expect(messages.map(({ role }) => role)).toEqual(['assistant', 'tool', 'tool', 'user']);
    expect(messages[3]?.content).toEqual([
      { type: 'text', text: 'Attachment of result c1:' },
      { type: 'image_url', image_url: { url: image.image_url } },
    ]);
  });

  it('thinking that was handed out comes back in its place; what OpenAI encrypted does not', () => {
    const blocks = [{ type: 'thinking', thinking: 'hm', signature: 's' }];
    const reasoning = { type: 'reasoning', summary: [] };
    const { messages } = toCanonical(
      body({ input: [{ ...reasoning, encrypted_content: sealThinking(blocks) }, call, output] }),
    );
    expect(messages[0]).toMatchObject({ role: 'assistant', thinking_blocks: blocks, tool_calls: [{ id: 'c1' }] });
    const foreign = toCanonical(body({ input: [{ ...reasoning, encrypted_content: 'gAAAA' }, call, output] }));
    expect(foreign.messages[0]).not.toHaveProperty('thinking_blocks');
    const forged = toCanonical(body({ input: [{ ...reasoning, encrypted_content: 'gw1.!!!' }, call, output] }));
    expect(forged.messages[0]).not.toHaveProperty('thinking_blocks');
  });

  it('what OpenAI ran itself in earlier turns is left out, the words around it stay', () => {
    const { messages } = toCanonical(
      body({
        input: [
          { role: 'user', content: 'news?' },
          { type: 'web_search_call', id: 'ws_1', status: 'completed' },
          { role: 'assistant', content: 'None.' },
        ],
      }),
    );
    expect(messages).toEqual([
      { role: 'user', content: 'news?' },
      { role: 'assistant', content: 'None.' },
    ]);
  });

  it.each([
    [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
    [{ conversation: 'conv_1' }, 'conversation'],
    [{ prompt: { id: 'pmpt_1' } }, 'prompt'],
    [{ background: true }, 'background'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    [{ tools: [{ type: 'function' }] }, 'tools[0].name'],
    [{ tool_choice: { type: 'file_search' } }, 'tool_choice.type'],
    [{ text: { format: { type: 'grammar' } } }, 'text.format'],
    [{ input: undefined }, 'input'],
    [{ input: [{ type: 'item_reference', id: 'x' }] }, 'input[0].type'],
    [{ input: [{ type: 'computer_call_output', call_id: 'x' }] }, 'input[0].type'],
    [{ input: [{ role: 'robot', content: 'x' }] }, 'input[0].role'],
    [{ input: [{ role: 'user', content: [{ type: 'hologram' }] }] }, 'input[0].content[0].type'],
    [
      { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'file-1' }] }] },
      'input[0].content[0].file_id',
    ],
    [{ input: [{ type: 'function_call_output', output: 'x' }] }, 'input[0].call_id'],
  ])('%j is refused by name', (fields, param) => {
    expect(paramOf(fields)).toBe(param);
  });
});
