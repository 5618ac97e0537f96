import { isDeepStrictEqual } from 'node:util';
import { FakeUpstream } from '../support/fake-upstream';
import { fixturesOf, sseData, type Fixture } from '../support/fixtures';
import { startGateway, type TestGateway } from '../support/gateway';

const chat = fixturesOf('/v1/chat/completions');
const messages = fixturesOf('/v1/messages');
const responses = fixturesOf('/v1/responses');
const embeddings = fixturesOf('/v1/embeddings');
const counts = fixturesOf('/v1/messages/count_tokens');
const FALLBACK_MODEL = 'recorded-model';

type Json = Record<string, unknown>;

/** Exchanges that may not pass as recorded, each with the field that is refused and the reason. */
const EXCEPTIONS: Readonly<Record<string, { readonly param: string; readonly why: string }>> = {
  'openai-responses-b6c7f2cf8d': {
    param: 'background',
    why: 'its cost and its answer come later, and the gateway keeps nothing to be fetched later',
  },
};

const isFault = ({ features }: Fixture): boolean =>
  features.some((feature) => feature.startsWith('fault_') || feature === 'sse_error_event');
/** An answer after which the gateway would spare the provider: each gets a provider of its own. */
const isSparing = (fixture: Fixture): boolean =>
  isFault(fixture) || fixture.response.status === 429 || fixture.response.status >= 500;
const modelOf = ({ request, model }: Fixture): string => String(request.body?.['model'] ?? model ?? FALLBACK_MODEL);
const modelsOf = (fixtures: readonly Fixture[]): string[] => [...new Set([FALLBACK_MODEL, ...fixtures.map(modelOf)])];

/** The request as recorded; where only the answer was published, the least that asks for it. */
function requestOf(fixture: Fixture): Json {
  const { body } = fixture.request;
  const generic =
    fixture.endpoint.startsWith('/v1/messages') || fixture.endpoint === '/v1/chat/completions'
      ? { messages: [{ role: 'user', content: 'hello' }], max_tokens: 100, stream: fixture.streaming }
      : { input: 'hello', ...(fixture.streaming ? { stream: true } : {}) };
  return { ...(body ?? generic), model: modelOf(fixture) };
}

function serve(upstream: FakeUpstream, { response: recorded }: Fixture): void {
  upstream.answer = (_, response) => {
    const body = recorded.sse ?? recorded.text ?? JSON.stringify(recorded.body);
    const headers = Object.fromEntries(
      Object.entries(recorded.headers).filter(
        ([name]) => !/^(content-length|content-encoding|transfer-encoding|connection|date)$/i.test(name),
      ),
    );
    if (recorded.sse !== null && headers['content-type'] === undefined) headers['content-type'] = 'text/event-stream';
    response.writeHead(recorded.status, { 'content-type': 'application/json', ...headers });
    response.end(body);
  };
}

/** Without what the gateway adds by contract: the cost beside the usage. */
function withoutCost(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { usage, response, ...rest } = value as Json;
  if (typeof response === 'object' && response !== null) return { ...rest, response: withoutCost(response) };
  if (typeof usage !== 'object' || usage === null) return value;
  const { cost: _, ...plain } = usage as Json;
  return { ...rest, usage: plain };
}

/** The exceptions that a run met. */
const exempted = new Set<string>();

interface Outcome {
  readonly id: string;
  readonly problem: string | null;
}

function report(name: string, outcomes: readonly Outcome[]): void {
  const failed = outcomes.filter(({ problem }) => problem !== null);
  const excepted = outcomes.filter(({ id }) => exempted.has(id)).length;
  const passed = outcomes.length - failed.length - excepted;
  const rest = excepted === 0 ? '' : `, ${excepted} by an exception that is named`;
  console.log(`${name}: ${passed} of ${outcomes.length} recorded exchanges${rest}`);
  expect(failed).toEqual([]);
}

describe('recorded traffic replays through the gateway', () => {
  let openai: FakeUpstream;
  let anthropic: FakeUpstream;
  let gateway: TestGateway;

  beforeAll(async () => {
    openai = await FakeUpstream.start();
    anthropic = await FakeUpstream.start();
    const list = (models: readonly string[]): string => JSON.stringify(models);
    const own = (fixture: Fixture, type: string, url: string): string => `
  ${fixture.id}:
    type: ${type}
    api_key: sk-own
    base_url: ${url}
    allow_private_network: true
    models: ${list([modelOf(fixture)])}
`;
    gateway = await startGateway(`
providers:
  openai:
    api_key: sk-upstream
    base_url: ${openai.url}/v1
    allow_private_network: true
    models: ${list(modelsOf([...chat, ...responses, ...embeddings]))}
  compatible:
    type: openai-compatible
    api_key: sk-compatible
    base_url: ${openai.url}/v1
    allow_private_network: true
    models: ${list(modelsOf(chat))}
  anthropic:
    api_key: sk-ant-upstream
    base_url: ${anthropic.url}
    allow_private_network: true
    models: ${list(modelsOf([...messages, ...counts]))}
${[...chat, ...responses, ...embeddings]
  .filter(isSparing)
  .map((item) => own(item, 'openai', `${openai.url}/v1`))
  .join('')}
${[...messages, ...counts]
  .filter(isSparing)
  .map((item) => own(item, 'anthropic', anthropic.url))
  .join('')}
routing: { fallback: none, retries: 0 }
pricing: { unknown: free }
`);
  });
  afterAll(async () => {
    await gateway.close();
    await Promise.all([openai.close(), anthropic.close()]);
  });

  const post = (route: string, body: Json, headers: Record<string, string> = {}) =>
    fetch(`${gateway.url}${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  /** The same dialect on both sides: nothing may be lost, in either direction. */
  async function replay(fixture: Fixture, upstream: FakeUpstream, provider: string): Promise<string | null> {
    serve(upstream, fixture);
    const body = requestOf(fixture);
    const before = upstream.received.length;
    const sent = { ...body, model: `${isSparing(fixture) ? fixture.id : provider}/${modelOf(fixture)}` };
    const headers =
      provider === 'anthropic' ? { 'anthropic-version': '2023-06-01', 'anthropic-beta': 'some-beta-2026' } : {};
    const response = await post(fixture.endpoint, sent, headers as Record<string, string>);
    const text = await response.text();
    if (upstream.received.length === before) return refusalProblem(fixture, response.status, text);
    return requestProblem(upstream, body, fixture.endpoint) ?? answerProblem(fixture, response.status, text, body);
  }

  /** What the provider itself refused may be refused before it is asked, with the same status and field. */
  function refusalProblem({ id, response }: Fixture, status: number, text: string): string | null {
    const recorded = (response.body?.['error'] ?? {}) as { param?: unknown };
    const { param } = (JSON.parse(text) as { error: { param?: unknown } }).error;
    const exception = EXCEPTIONS[id];
    if (exception && exception.param === param && status === 400) {
      exempted.add(id);
      console.log(`exception ${id}: "${exception.param}" is refused, because ${exception.why}`);
      return null;
    }
    const isSame = response.status === 400 && status === 400 && param !== null && param === recorded.param;
    return isSame ? null : `never reached the provider: ${status} ${text}`;
  }

  function requestProblem(upstream: FakeUpstream, body: Json, endpoint: string): string | null {
    if (upstream.last.path !== endpoint) return `sent to ${upstream.last.path}`;
    const arrived = upstream.lastJson();
    const wanted =
      endpoint === '/v1/chat/completions' && body['stream'] === true
        ? { ...body, stream_options: { ...(body['stream_options'] as Json | undefined), include_usage: true } }
        : body;
    if (!isDeepStrictEqual(arrived, wanted)) return 'the request changed on its way';
    if (endpoint.startsWith('/v1/messages') && upstream.last.headers['anthropic-beta'] !== 'some-beta-2026')
      return 'a header was lost';
    const shown = JSON.stringify(upstream.last.headers);
    return shown.includes(gateway.apiKey) ? 'the client’s key went to the provider' : null;
  }

  function answerProblem(fixture: Fixture, status: number, text: string, body: Json): string | null {
    const { response } = fixture;
    if (response.status === 401 || response.status === 403) return status === 502 ? null : `${status} instead of 502`;
    if (response.status >= 400) {
      if (response.body === null) return status >= 500 && text.includes('"error"') ? null : `${status}: ${text}`;
      return status === response.status && isDeepStrictEqual(JSON.parse(text), response.body)
        ? null
        : `${status}: ${text}`;
    }
    if (response.sse !== null && isFault(fixture)) return text.includes('error') ? null : 'the fault was not told';
    if (status !== 200) return `${status}: ${text.slice(0, 200)}`;
    if (response.sse === null) return isDeepStrictEqual(JSON.parse(text), response.body) ? null : 'the answer changed';
    return streamProblem(sseData(text), sseData(response.sse), body);
  }

  function streamProblem(got: unknown[], recorded: unknown[], body: Json): string | null {
    const asked = (body['stream_options'] as { include_usage?: boolean } | undefined)?.include_usage === true;
    const isOpenAi = recorded.some((item) => typeof item === 'object' && item !== null && 'choices' in item);
    const wanted = recorded.filter((item) => {
      const { choices, usage } = item as { choices?: unknown[]; usage?: unknown };
      return !(isOpenAi && !asked && choices?.length === 0 && usage);
    });
    const last = isOpenAi && wanted.at(-1) !== '[DONE]' ? [...wanted, '[DONE]'] : wanted;
    return isDeepStrictEqual(got.map(withoutCost), last.map(withoutCost)) ? null : 'the events changed';
  }

  const some = (fixtures: readonly Fixture[]) => (fixtures.length === 0 ? it.skip : it);

  some(chat)('Chat Completions, served by OpenAI and compatible providers', async () => {
    const outcomes: Outcome[] = [];
    for (const fixture of chat) outcomes.push({ id: fixture.id, problem: await replay(fixture, openai, 'openai') });
    report('OpenAI client → OpenAI provider', outcomes);
  });

  some(messages)('Messages, served by Anthropic', async () => {
    const outcomes: Outcome[] = [];
    for (const fixture of messages)
      outcomes.push({ id: fixture.id, problem: await replay(fixture, anthropic, 'anthropic') });
    report('Anthropic client → Anthropic provider', outcomes);
  });

  some(responses)('Responses, served by OpenAI', async () => {
    const outcomes: Outcome[] = [];
    for (const fixture of responses)
      outcomes.push({ id: fixture.id, problem: await replay(fixture, openai, 'openai') });
    report('Responses client → OpenAI provider', outcomes);
  });

  some(embeddings)('Embeddings, served by OpenAI and compatible providers', async () => {
    const outcomes: Outcome[] = [];
    for (const fixture of embeddings)
      outcomes.push({ id: fixture.id, problem: await replay(fixture, openai, 'openai') });
    report('Embeddings client → OpenAI provider', outcomes);
  });

  some(counts)('Token counts, served by Anthropic', async () => {
    const outcomes: Outcome[] = [];
    for (const fixture of counts)
      outcomes.push({ id: fixture.id, problem: await replay(fixture, anthropic, 'anthropic') });
    report('count_tokens client → Anthropic provider', outcomes);
  });

  /** All text a recorded Anthropic answer says to the reader. */
  function anthropicText(fixture: Fixture): string {
    const { sse, body } = fixture.response;
    if (sse === null) {
      const blocks = (body?.['content'] ?? []) as { type: string; text?: string }[];
      return blocks.map(({ type, text }) => (type === 'text' ? (text ?? '') : '')).join('');
    }
    return (
      sseData(sse) as {
        type?: string;
        delta?: { type?: string; text?: string };
        content_block?: { type?: string; text?: string };
      }[]
    )
      .map(
        ({ delta, content_block: block }) =>
          (delta?.type === 'text_delta' ? delta.text : block?.type === 'text' ? block.text : '') ?? '',
      )
      .join('');
  }

  some(messages)('Anthropic answers for an OpenAI client keep every word', async () => {
    const outcomes: Outcome[] = [];
    const good = messages.filter((fixture) => fixture.response.status === 200 && !isFault(fixture));
    for (const fixture of good) {
      serve(anthropic, fixture);
      const stream = fixture.response.sse !== null;
      const body = { model: `anthropic/${modelOf(fixture)}`, messages: [{ role: 'user', content: 'x' }], stream };
      const response = await post('/v1/chat/completions', {
        ...body,
        ...(stream ? { stream_options: { include_usage: true } } : {}),
      });
      const text = await response.text();
      outcomes.push({ id: fixture.id, problem: openAiProblem(response.status, text, stream, anthropicText(fixture)) });
    }
    report('Anthropic answer → OpenAI client', outcomes);
  });

  function openAiProblem(status: number, text: string, stream: boolean, words: string): string | null {
    if (status !== 200) return `${status}: ${text.slice(0, 200)}`;
    if (!stream) {
      const { choices, usage } = JSON.parse(text) as {
        choices: { message: { content: string | null } }[];
        usage: Json;
      };
      if (usage['total_tokens'] === undefined) return 'no usage';
      return (choices[0]?.message.content ?? '') === words
        ? null
        : `other words: ${String(choices[0]?.message.content)}`;
    }
    const events = sseData(text);
    if (events.at(-1) !== '[DONE]') return 'no [DONE]';
    const chunks = events.slice(0, -1) as {
      choices: { delta: { content?: string }; finish_reason: string | null }[];
      usage?: Json;
    }[];
    if (chunks.filter(({ choices }) => choices[0]?.finish_reason).length !== 1) return 'not exactly one finish_reason';
    if (chunks.at(-1)?.usage?.['cost'] === undefined) return 'no cost in the usage chunk';
    const said = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    return said === words ? null : `other words: ${said}`;
  }

  some(chat)('OpenAI answers for an Anthropic client keep every word', async () => {
    const outcomes: Outcome[] = [];
    const good = chat.filter((fixture) => fixture.response.status === 200 && !isFault(fixture));
    for (const fixture of good) {
      serve(openai, fixture);
      const stream = fixture.response.sse !== null;
      const body = {
        model: `openai/${modelOf(fixture)}`,
        max_tokens: 100,
        messages: [{ role: 'user', content: 'x' }],
        stream,
      };
      const response = await post('/v1/messages', body);
      const text = await response.text();
      outcomes.push({ id: fixture.id, problem: anthropicProblem(response.status, text, stream, openAiText(fixture)) });
    }
    report('OpenAI answer → Anthropic client', outcomes);
  });

  function openAiText(fixture: Fixture): string {
    const { sse, body } = fixture.response;
    type Choice = {
      index: number;
      message?: { content?: unknown; refusal?: string };
      delta?: { content?: unknown; refusal?: string };
    };
    const choices =
      sse === null
        ? ((body?.['choices'] ?? []) as Choice[])
        : (sseData(sse) as { choices?: Choice[] }[]).flatMap((chunk) => chunk.choices ?? []);
    return choices
      .filter(({ index }) => (index ?? 0) === 0)
      .map(({ message, delta }) => plainText((message ?? delta)?.content) + String((message ?? delta)?.refusal ?? ''))
      .join('');
  }

  const plainText = (content: unknown): string => {
    if (Array.isArray(content))
      return content
        .map((part: { type?: string; text?: string }) => (part.type === 'text' ? (part.text ?? '') : ''))
        .join('');
    return typeof content === 'string' ? content : '';
  };

  function anthropicProblem(status: number, text: string, stream: boolean, words: string): string | null {
    if (status !== 200) return `${status}: ${text.slice(0, 200)}`;
    if (!stream) {
      const {
        content,
        usage,
        stop_reason: reason,
      } = JSON.parse(text) as { content: { type: string; text?: string }[]; usage: Json; stop_reason: string };
      if (typeof usage['input_tokens'] !== 'number' || !reason) return 'no usage or stop reason';
      const said = content.map((block) => (block.type === 'text' ? block.text : '')).join('');
      return said === words ? null : `other words: ${said.slice(0, 200)}`;
    }
    const events = sseData(text) as {
      type: string;
      index?: number;
      delta?: { type?: string; text?: string };
      usage?: Json;
    }[];
    if (events[0]?.type !== 'message_start' || events.at(-1)?.type !== 'message_stop') return 'not from start to stop';
    if (events.filter(({ type }) => type === 'message_delta').length !== 1) return 'not exactly one message_delta';
    const said = events.map(({ delta }) => (delta?.type === 'text_delta' ? delta.text : '')).join('');
    return said === words ? null : `other words: ${said.slice(0, 200)}`;
  }

  async function asResponses(fixture: Fixture, provider: string, words: string): Promise<Outcome> {
    const stream = fixture.response.sse !== null;
    const body = { model: `${provider}/${modelOf(fixture)}`, input: 'x', stream };
    const response = await post('/v1/responses', body);
    return { id: fixture.id, problem: responsesProblem(response.status, await response.text(), stream, words) };
  }

  some(messages)('Anthropic answers for a Responses client keep every word', async () => {
    const outcomes: Outcome[] = [];
    for (const fixture of messages.filter((item) => item.response.status === 200 && !isFault(item))) {
      serve(anthropic, fixture);
      outcomes.push(await asResponses(fixture, 'anthropic', anthropicText(fixture)));
    }
    report('Anthropic answer → Responses client', outcomes);
  });

  some(chat)('Chat answers of compatible providers for a Responses client keep every word', async () => {
    const outcomes: Outcome[] = [];
    for (const fixture of chat.filter((item) => item.response.status === 200 && !isFault(item))) {
      serve(openai, fixture);
      outcomes.push(await asResponses(fixture, 'compatible', openAiText(fixture)));
    }
    report('Chat answer → Responses client', outcomes);
  });

  interface OutputItem {
    readonly type: string;
    readonly id: string;
    readonly content?: readonly { readonly text?: string; readonly refusal?: string }[];
  }
  const outputText = (output: readonly OutputItem[]): string =>
    output
      .filter(({ type }) => type === 'message')
      .flatMap(({ content }) => content ?? [])
      .map(({ text, refusal }) => text ?? refusal ?? '')
      .join('');

  function responsesProblem(status: number, text: string, stream: boolean, words: string): string | null {
    if (status !== 200) return `${status}: ${text.slice(0, 200)}`;
    if (!stream) return objectProblem(JSON.parse(text) as Json, words);
    const events = sseData(text) as (Json & { type: string })[];
    if (events.some((event, index) => event['sequence_number'] !== index)) return 'events are not numbered';
    const last = events.at(-1);
    if (last?.type !== 'response.completed' && last?.type !== 'response.incomplete') return `ended with ${last?.type}`;
    const open = new Set<unknown>();
    for (const { type, output_index: index } of events) {
      if (type === 'response.output_item.added') open.add(index);
      else if (index !== undefined && !open.has(index)) return `${type} outside its item`;
      else if (type === 'response.output_item.done') open.delete(index);
    }
    if (open.size > 0) return 'an item was never done';
    const said = events
      .map(({ type, delta }) => (/^response[.](output_text|refusal)[.]delta$/.test(type) ? String(delta) : ''))
      .join('');
    if (said !== words) return `other words: ${said.slice(0, 200)}`;
    return objectProblem(last['response'] as Json, words);
  }

  function objectProblem(object: Json, words: string): string | null {
    const { output, usage, status } = object as { output: OutputItem[]; usage: Json | null; status: string };
    if (typeof usage?.['total_tokens'] !== 'number' || !/^(in)?complete/.test(status)) return 'no usage or status';
    if (new Set(output.map(({ id }) => id)).size !== output.length) return 'an id appears twice';
    const said = outputText(output);
    return said === words ? null : `other words: ${said.slice(0, 200)}`;
  }

  some(responses)('Responses requests reach Anthropic whole, or are refused with the field named', async () => {
    const outcomes: Outcome[] = [];
    const refused = new Map<string, number>();
    anthropic.answer = (_, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(
        JSON.stringify({
          id: 'msg_1',
          type: 'message',
          role: 'assistant',
          model: 'claude',
          content: [{ type: 'text', text: 'ok' }],
          stop_reason: 'end_turn',
          usage: { input_tokens: 1, output_tokens: 1 },
        }),
      );
    for (const { id, request } of responses.filter((item) => item.request.body?.['input'] !== undefined)) {
      const { stream: _, ...body } = request.body ?? {};
      const response = await post('/v1/responses', { ...body, model: `anthropic/${FALLBACK_MODEL}` });
      const text = await response.text();
      if (response.status === 200) {
        const sent = JSON.stringify(anthropic.lastJson());
        const lost = textsOf(body['input']).find((piece) => !sent.includes(JSON.stringify(piece).slice(1, -1)));
        outcomes.push({ id, problem: lost === undefined ? null : `lost: ${lost.slice(0, 100)}` });
        continue;
      }
      const { param } = (JSON.parse(text) as { error: { param: string | null } }).error;
      const field = String(param).replace(/\[\d+\]/g, '[]');
      refused.set(field, (refused.get(field) ?? 0) + 1);
      outcomes.push({ id, problem: response.status === 400 && param !== null ? null : text.slice(0, 200) });
    }
    console.log(`refused by field: ${JSON.stringify(Object.fromEntries(refused))}`);
    report('Responses request → Anthropic', outcomes);
  });

  /** What the conversation says in words, whoever says it. */
  function textsOf(input: unknown): string[] {
    if (typeof input === 'string') return [input.trim()];
    return (input as Json[]).flatMap(({ content, output, type }) => {
      if (type !== undefined && type !== 'message' && type !== 'function_call_output') return [];
      const value = content ?? output;
      if (typeof value === 'string') return value.trim() === '' ? [] : [value.trim()];
      return ((value ?? []) as Json[]).map(({ text }) => String(text ?? '').trim()).filter((text) => text !== '');
    });
  }
});
