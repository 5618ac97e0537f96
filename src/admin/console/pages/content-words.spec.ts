import { wordsOf } from './content-words';

describe('what a body says', () => {
  it.each<[string, unknown, string[]]>([
    ['nothing', null, []],
    ['a stream', 'Hello.', ['assistant: Hello.']],
    ['two choices', ['yes', 'no'], ['choice 1: yes', 'choice 2: no']],
    [
      'a chat',
      {
        model: 'm',
        messages: [
          { role: 'system', content: 'Be kind.' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'Look:' },
              { type: 'image_url', image_url: { url: 'u' } },
            ],
          },
          { role: 'assistant', content: null, tool_calls: [{ function: { name: 'f', arguments: '{"a":1}' } }] },
          { role: 'tool', tool_call_id: 'c', content: 'done' },
        ],
      },
      [
        'system: Be kind.',
        'user: Look:\n{"type":"image_url","image_url":{"url":"u"}}',
        'assistant: calls f {"a":1}',
        'tool: done',
      ],
    ],
    [
      'an answer of OpenAI',
      { choices: [{ message: { role: 'assistant', content: 'Hi.', reasoning_content: 'Hm.' } }] },
      ['thinking: Hm.', 'assistant: Hi.'],
    ],
    [
      'a message and an answer of Anthropic',
      {
        system: [{ type: 'text', text: 'Be brief.' }],
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.' },
          { type: 'tool_use', name: 'f', input: { a: 1 } },
        ],
      },
      ['system: Be brief.', 'assistant: Hm.\ncalls f {"a":1}'],
    ],
    [
      'OpenAI Responses',
      {
        instructions: 'Be brief.',
        input: 'Hello?',
        output: [
          { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Yes.' }] },
          { type: 'function_call', name: 'f', arguments: '{}' },
        ],
      },
      ['system: Be brief.', 'input: Hello?', 'assistant: Yes.', 'function_call: calls f {}'],
    ],
  ])('%s', (_, body, expected) => {
    expect(wordsOf(body).map(({ who, text }) => `${who}: ${text}`)).toEqual(expected);
  });
});
