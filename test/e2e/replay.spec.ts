import { isDeepStrictEqual } from 'node:util';
import { FakeUpstream } from '../support/fake-upstream';
import { fixturesOf, sseData, type Fixture } from '../support/fixtures';
import { startGateway, type TestGateway } from '../support/gateway';

jest.setTimeout(120_000);

const chat = fixturesOf('/v1/chat/completions');
const messages = fixturesOf('/v1/messages');
const FALLBACK_MODEL = 'recorded-model';

type Json = Record<string, unknown>;

const isFault = ({ features }: Fixture): boolean =>
  features.some((feature) => feature.startsWith('fault_') || feature === 'sse_error_event');
const modelOf = ({ request, model }: Fixture): string => String(request.body?.['model'] ?? model ?? FALLBACK_MODEL);
const modelsOf = (fixtures: readonly Fixture[]): string[] => [...new Set([FALLBACK_MODEL, ...fixtures.map(modelOf)])];

/** The request as recorded; where only the answer was published, the least that asks for it. */
function requestOf(fixture: Fixture): Json {
  const { body } = fixture.request;
  const generic = { messages: [{ role: 'user', content: 'hello' }], max_tokens: 100, stream: fixture.streaming };
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
  const { usage, ...rest } = value as Json;
  if (typeof usage !== 'object' || usage === null) return value;
  const { cost: _, ...plain } = usage as Json;
  return { ...rest, usage: plain };
}

interface Outcome {
  readonly id: string;
  readonly problem: string | null;
}

function report(name: string, outcomes: readonly Outcome[]): void {
  const failed = outcomes.filter(({ problem }) => problem !== null);
  console.log(`${name}: ${outcomes.length - failed.length} of ${outcomes.length} recorded exchanges`);
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
    gateway = await startGateway(`
providers:
  openai:
    api_key: sk-upstream
    base_url: ${openai.url}/v1
    allow_private_network: true
    models: ${list(modelsOf(chat))}
  anthropic:
    api_key: sk-ant-upstream
    base_url: ${anthropic.url}
    allow_private_network: true
    models: ${list(modelsOf(messages))}
routing: { fallback: none }
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
    const sent = { ...body, model: `${provider}/${modelOf(fixture)}` };
    const headers =
      provider === 'anthropic' ? { 'anthropic-version': '2023-06-01', 'anthropic-beta': 'some-beta-2026' } : {};
    const response = await post(fixture.endpoint, sent, headers as Record<string, string>);
    const text = await response.text();
    if (upstream.received.length === before) return refusalProblem(fixture, response.status, text);
    return requestProblem(upstream, body, provider) ?? answerProblem(fixture, response.status, text, body);
  }

  /** What the provider itself refused may be refused before it is asked, with the same status and field. */
  function refusalProblem({ response }: Fixture, status: number, text: string): string | null {
    const recorded = (response.body?.['error'] ?? {}) as { param?: unknown };
    const { param } = (JSON.parse(text) as { error: { param?: unknown } }).error;
    const isSame = response.status === 400 && status === 400 && param !== null && param === recorded.param;
    return isSame ? null : `never reached the provider: ${status} ${text}`;
  }

  function requestProblem(upstream: FakeUpstream, body: Json, provider: string): string | null {
    const arrived = upstream.lastJson();
    const wanted =
      provider === 'openai' && body['stream'] === true
        ? { ...body, stream_options: { ...(body['stream_options'] as Json | undefined), include_usage: true } }
        : body;
    if (!isDeepStrictEqual(arrived, wanted)) return 'the request changed on its way';
    if (provider === 'anthropic' && upstream.last.headers['anthropic-beta'] !== 'some-beta-2026')
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
});
