import type { JsonObject } from '../../src/core/chat';
import { strictAnthropicProblem } from '../../src/providers/simulator/server/strict-anthropic';
import { strictOpenAiProblem } from '../../src/providers/simulator/server/strict-openai';
import { completionJson, messageJson } from '../support/answers';
import { FakeUpstream } from '../support/fake-upstream';
import { fixturesOf, type Fixture } from '../support/fixtures';
import { startGateway, type TestGateway } from '../support/gateway';
import { CHAT_TO_ANTHROPIC, MESSAGES_TO_OPENAI, type ReplayException } from '../support/replay-exceptions';

jest.setTimeout(180_000);

const chat = fixturesOf('/v1/chat/completions');
const messages = fixturesOf('/v1/messages');
const CLAUDE = 'claude-sonnet-4-5';
const GPT = 'gpt-4o-mini';

type Json = Record<string, unknown>;
const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);

/** Words, names and inputs that a conversation consists of, whoever says them. */
function wordsOfChat(body: Json): string[] {
  return [
    ...list(body['messages']).flatMap(({ content, refusal, tool_calls: calls }) => [
      ...partsText(content),
      ...(typeof refusal === 'string' ? [refusal] : []),
      ...list(calls).map((call) => String((call['function'] as Json | undefined)?.['name'])),
    ]),
    ...list(body['tools']).map((tool) => String((tool['function'] as Json | undefined)?.['name'] ?? '')),
  ];
}

function wordsOfMessages(body: Json): string[] {
  const blocks = list(body['messages']).flatMap(({ content }): Json[] =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : list(content),
  );
  return [
    ...partsText(body['system']),
    ...blocks.flatMap(({ type, text, name, content }) => {
      if (type === 'text') return [String(text)];
      if (type === 'tool_use') return [String(name)];
      return type === 'tool_result' ? partsText(content) : [];
    }),
    ...list(body['tools'])
      .filter(({ type }) => type === undefined || type === 'custom')
      .map(({ name }) => String(name)),
  ];
}

const partsText = (content: unknown): string[] =>
  typeof content === 'string'
    ? [content]
    : list(content).flatMap(({ type, text }) => (type === 'text' && typeof text === 'string' ? [text] : []));

interface Direction {
  readonly name: string;
  readonly fixtures: readonly Fixture[];
  readonly endpoint: string;
  readonly model: string;
  readonly exceptions: Readonly<Record<string, ReplayException>>;
  readonly wordsOf: (body: Json) => string[];
  readonly problemOf: (sent: JsonObject) => unknown;
}

const DIRECTIONS: readonly Direction[] = [
  {
    name: 'OpenAI request → Anthropic',
    fixtures: chat,
    endpoint: '/v1/chat/completions',
    model: `anthropic/${CLAUDE}`,
    exceptions: CHAT_TO_ANTHROPIC,
    wordsOf: wordsOfChat,
    problemOf: strictAnthropicProblem,
  },
  {
    name: 'Anthropic request → OpenAI',
    fixtures: messages,
    endpoint: '/v1/messages',
    model: `openai/${GPT}`,
    exceptions: MESSAGES_TO_OPENAI,
    wordsOf: wordsOfMessages,
    problemOf: (sent) => strictOpenAiProblem('chat', sent),
  },
];

describe('recorded requests reach a model of the other kind', () => {
  let upstream: FakeUpstream;
  let gateway: TestGateway;

  beforeAll(async () => {
    upstream = await FakeUpstream.start();
    upstream.answer = ({ path }, response) =>
      void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(path.endsWith('/messages') ? messageJson(CLAUDE) : completionJson(GPT));
    gateway = await startGateway(`
providers:
  openai: { api_key: k, base_url: "${upstream.url}/v1", allow_private_network: true, models: [${GPT}] }
  anthropic: { api_key: k, base_url: "${upstream.url}", allow_private_network: true, models: [${CLAUDE}] }
routing: { fallback: none, retries: 0 }
rate_limits: { default: { requests_per_minute: 100000, tokens_per_minute: 1000000000 } }
cache: { enabled: false }
`);
  });
  afterAll(async () => {
    await gateway.close();
    await upstream.close();
  });

  /** null: it got there whole. */
  async function problemOf(direction: Direction, fixture: Fixture): Promise<string | null> {
    // Streams or not is no matter of the translation, and the answer here is JSON.
    const { stream: _stream, stream_options: _options, ...body } = fixture.request.body ?? {};
    upstream.received.length = 0;
    const { status, text } = await gateway.post(direction.endpoint, { ...body, model: direction.model });
    if (status !== 200) return refusalProblem(direction, fixture, status, text);
    if (fixture.id in direction.exceptions) return 'it passes, and is on the list of exceptions all the same';
    const sent = upstream.lastJson();
    const problem = direction.problemOf(sent);
    if (problem !== null) return `the provider would refuse it: ${JSON.stringify(problem)}`;
    const written = JSON.stringify(sent);
    const lost = direction
      .wordsOf(body)
      .map((word) => word.trim())
      .find((word) => word !== '' && !written.includes(JSON.stringify(word).slice(1, -1)));
    return lost === undefined ? null : `lost: ${lost.slice(0, 200)}`;
  }

  function refusalProblem({ exceptions }: Direction, { id }: Fixture, status: number, text: string): string | null {
    const { param } = (JSON.parse(text) as { error: { param?: string; details?: { param?: string } } }).error;
    const exception = exceptions[id];
    const isNamed = text.includes(exception?.param ?? param ?? '?');
    return exception && status === 400 && upstream.received.length === 0 && isNamed ? null : `${status} ${text}`;
  }

  for (const direction of DIRECTIONS) {
    const { name, fixtures, exceptions } = direction;
    (fixtures.length === 0 ? it.skip : it)(name, async () => {
      const recorded = fixtures.filter(({ request }) => Array.isArray(request.body?.['messages']));
      const problems: string[] = [];
      for (const fixture of recorded) {
        const problem = await problemOf(direction, fixture);
        if (problem !== null) problems.push(`${fixture.id}: ${problem}`);
      }
      expect(problems).toEqual([]);
      const ids = new Set(recorded.map(({ id }) => id));
      expect(Object.keys(exceptions).filter((id) => !ids.has(id))).toEqual([]);
      const excepted = Object.keys(exceptions).length;
      process.stdout.write(
        `${name}: ${recorded.length - excepted} of ${recorded.length} recorded requests whole, ${excepted} refused with the field named:\n${Object.entries(
          exceptions,
        )
          .map(([id, { param, why }]) => `  ${id} (${param}): ${why}\n`)
          .join('')}`,
      );
    });
  }
});
