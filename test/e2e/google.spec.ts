import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { FakeUpstream } from '../support/fake-upstream';
import { startGateway, type TestGateway } from '../support/gateway';

const MODEL = 'gemini-2.5-flash';
const usage = { completion_tokens: 4, prompt_tokens: 7, total_tokens: 11 };

/** Answers as Google's OpenAI-compatible endpoint gives them: no `[DONE]`-less ends, tool calls whole, errors in a list. */
function google(path: string, body: Record<string, unknown>): { status: number; type: string; text: string } {
  if (path !== '/v1beta/openai/chat/completions') return { status: 404, type: 'text/html', text: '<html>' };
  const json = (status: number, value: unknown) => ({ status, type: 'application/json', text: JSON.stringify(value) });
  if (body['temperature'] === 2)
    return json(400, [{ error: { code: 400, message: 'temperature is wrong', status: 'INVALID_ARGUMENT' } }]);
  const head = { id: 'g1', created: 1_700_000_000, model: MODEL };
  const call = { id: '', type: 'function', function: { name: 'add', arguments: '{"a":1,"b":2}' } };
  const hasTools = Array.isArray(body['tools']);
  const message = hasTools ? { role: 'assistant', tool_calls: [call] } : { role: 'assistant', content: 'Hello there' };
  const finish = hasTools ? 'tool_calls' : 'stop';
  if (body['stream'] !== true) {
    const choices = [{ finish_reason: finish, index: 0, message }];
    return json(200, { ...head, object: 'chat.completion', choices, usage });
  }
  const chunk = (delta: object, finishReason: string | null): string =>
    `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [{ delta, index: 0, ...(finishReason ? { finish_reason: finishReason } : {}) }], usage })}\n\n`;
  const pieces = hasTools
    ? [chunk({ role: 'assistant', tool_calls: [{ ...call, index: 0 }] }, 'tool_calls')]
    : [chunk({ role: 'assistant', content: 'Hello ' }, null), chunk({ role: 'assistant', content: 'there' }, 'stop')];
  return { status: 200, type: 'text/event-stream', text: `${pieces.join('')}data: [DONE]\n\n` };
}

describe('a vendor that is configuration only: google', () => {
  let upstream: FakeUpstream;
  let gateway: TestGateway;
  let openai: OpenAI;
  let anthropic: Anthropic;

  beforeAll(async () => {
    upstream = await FakeUpstream.start();
    upstream.answer = ({ path, body }, response) => {
      const { status, type, text } = google(path, JSON.parse(body.toString()) as Record<string, unknown>);
      response.writeHead(status, { 'content-type': type }).end(text);
    };
    // As in docs/add-a-provider.md, with the address of the test's own server.
    gateway = await startGateway(`
providers:
  google: { type: openai-compatible, base_url: "${upstream.url}/v1beta/openai", api_key: g-key, models: [${MODEL}], allow_private_network: true }
`);
    openai = new OpenAI({ apiKey: gateway.apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    anthropic = new Anthropic({ apiKey: gateway.apiKey, baseURL: gateway.url, maxRetries: 0 });
  });
  afterAll(async () => {
    await gateway.close();
    await upstream.close();
  });
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  const parameters = { type: 'object' as const, properties: { a: { type: 'number' }, b: { type: 'number' } } };

  it('answers OpenAI’s clients, whole and streamed, at a known price', async () => {
    const { data, response } = await openai.chat.completions.create({ model: MODEL, messages }).withResponse();
    expect(data.choices[0]?.message.content).toBe('Hello there');
    expect(upstream.last.headers['authorization']).toBe('Bearer g-key');
    expect(Number(response.headers.get('x-gateway-cost-usd'))).toBeGreaterThan(0);
    const stream = await openai.chat.completions.create({ model: `google/${MODEL}`, messages, stream: true });
    let text = '';
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    expect(text).toBe('Hello there');
  });

  it('answers Anthropic’s clients, tool calls included', async () => {
    const plain = await anthropic.messages.create({ model: MODEL, max_tokens: 50, messages });
    expect(plain).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text', text: 'Hello there' }] });
    expect(plain.usage).toMatchObject({ input_tokens: 7, output_tokens: 4 });
    const tools = [{ name: 'add', input_schema: parameters }];
    for (const message of [
      await anthropic.messages.create({ model: MODEL, max_tokens: 50, messages, tools }),
      await anthropic.messages.stream({ model: MODEL, max_tokens: 50, messages, tools }).finalMessage(),
    ]) {
      expect(message.stop_reason).toBe('tool_use');
      expect(message.content).toEqual([
        expect.objectContaining({
          type: 'tool_use',
          name: 'add',
          input: { a: 1, b: 2 },
          id: expect.stringMatching(/./) as string,
        }),
      ]);
    }
  });

  it('tells its errors in its own words', async () => {
    await expect(openai.chat.completions.create({ model: MODEL, messages, temperature: 2 })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('temperature is wrong') as string,
    });
  });
});
