import type { ServerResponse } from 'node:http';
import { FakeUpstream, type ReceivedRequest } from './fake-upstream';

/** `once`: it fails, and answers when it is asked again. */
export type Script = 'answer' | 'once' | 'refuse' | 'fail' | 'hang' | 'stall' | 'cut';

/** A prompt that tells `ScriptedProvider` what to do, and how many tokens to bill. */
export const scripted = (call: number | string, script: Script, tokens: number): string =>
  `#${call} ${script} ${tokens}`;

interface Wanted {
  readonly call: string;
  readonly script: Script;
  readonly tokens: number;
  readonly stream: boolean;
}

const chunk = (delta: object, finish: string | null, usage?: object): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: usage ? [] : [{ index: 0, delta, finish_reason: finish }], ...(usage ? { usage } : {}) })}\n\n`;

const usageOf = (tokens: number) => ({ prompt_tokens: 1, completion_tokens: tokens - 1, total_tokens: tokens });

/** A provider that does what the prompt says, and remembers when each call reached it. */
export class ScriptedProvider {
  /** By the number of the call, on the clock of this process. The first of several. */
  readonly arrivedMs = new Map<string, number>();
  /** Calls that reached it. */
  arrivals = 0;

  private constructor(private readonly upstream: FakeUpstream) {
    upstream.answer = (request, response) => this.answer(request, response);
  }

  static async start(): Promise<ScriptedProvider> {
    return new ScriptedProvider(await FakeUpstream.start());
  }

  get url(): string {
    return `${this.upstream.url}/v1`;
  }

  close(): Promise<void> {
    return this.upstream.close();
  }

  private answer(request: ReceivedRequest, response: ServerResponse): void {
    const wanted = wantedOf(request);
    const isFirst = !this.arrivedMs.has(wanted.call);
    this.arrivals += 1;
    if (isFirst) this.arrivedMs.set(wanted.call, performance.now());
    // Nothing here looks back at what was received.
    this.upstream.received.length = 0;
    if (wanted.script === 'hang') return;
    if (wanted.script === 'fail' || (wanted.script === 'once' && isFirst))
      return void response.writeHead(500).end('{"error":{"message":"broken"}}');
    if (wanted.script === 'refuse') {
      response.writeHead(400, { 'content-type': 'application/json' });
      return void response.end('{"error":{"message":"no","type":"invalid_request_error"}}');
    }
    if (wanted.stream) return stream(wanted, response);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        id: 'c',
        object: 'chat.completion',
        created: 1,
        model: 'm',
        choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
        usage: usageOf(wanted.tokens),
      }),
    );
  }
}

function wantedOf({ body }: ReceivedRequest): Wanted {
  const { messages, stream } = JSON.parse(body.toString()) as { messages: { content: string }[]; stream?: boolean };
  const [, call = '', script = '', tokens = '2'] = /#(\S+) (\w+) (\d+)/.exec(messages.at(-1)?.content ?? '') ?? [];
  return { call, script: script as Script, tokens: Number(tokens), stream: stream === true };
}

function stream({ script, tokens }: Wanted, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(chunk({ role: 'assistant', content: '' }, null));
  for (let index = 0; index < 3; index += 1) response.write(chunk({ content: 'well ' }, null));
  if (script === 'stall') return;
  if (script === 'cut') return void setTimeout(() => response.destroy(), 20);
  response.write(chunk({}, 'stop'));
  response.write(chunk({}, null, usageOf(tokens)));
  response.end('data: [DONE]\n\n');
}
