import { Agent, request } from 'undici';
import { TargetHealth, type TargetStatus } from '../../src/providers';
import type { ScenarioRule } from '../../src/providers/simulator/server/scenario';
import { startSimulator } from '../../src/providers/simulator/server/simulator';
import { startGateway } from './gateway';

/**
 * One round of misfortunes, in milliseconds. At every moment one of the three is well and may be called: `fails` from 4 s on,
 * `hangs` until 6 s and after 9 s, and `limits` again 7 s after its last 429.
 */
const ROUND_MS = 12_000;
const misfortunes = (startMs: number): ScenarioRule[] => [
  { match: { prefix: 'fails' }, fault: '500', fromMs: startMs, toMs: startMs + 4_000 },
  { match: { prefix: 'hangs' }, fault: 'hang', fromMs: startMs + 6_000, toMs: startMs + 9_000 },
  { match: { prefix: 'limits' }, fault: '429,retry-after=7', fromMs: startMs, toMs: startMs + 4_000, count: 3 },
];

/** Enough for every third request a second to hang for its 2.5 s. */
const MAX_RUNNING = 150;

export interface ChaosResult {
  readonly requests: number;
  /** Answers other than a complete 200. */
  readonly errors: readonly string[];
  /** Calls that began while their provider's own wait was running. */
  readonly early: number;
  readonly waitsAsked: number;
  readonly calls: number;
  readonly amplification: number;
}

interface Seen {
  calls: number;
  early: number;
  waitsAsked: number;
}

/** Looks on as calls begin and end: what a call is allowed to know is what had ended when it began. */
function watch(health: TargetHealth, nowMs: () => number): Seen {
  const seen: Seen = { calls: 0, early: 0, waitsAsked: 0 };
  const heldUntilMs = new Map<string, number>();
  const begin = health.begin.bind(health);
  health.begin = (target) => {
    seen.calls += 1;
    if (nowMs() < (heldUntilMs.get(target.provider) ?? 0)) seen.early += 1;
    const ticket = begin(target);
    const failed = ticket.failed.bind(ticket);
    return Object.assign(ticket, {
      failed: (error: Parameters<typeof failed>[0], isCallersBound: boolean) => {
        if (error.retryAfterMs !== undefined) {
          seen.waitsAsked += 1;
          const untilMs = nowMs() + error.retryAfterMs;
          heldUntilMs.set(target.provider, Math.max(untilMs, heldUntilMs.get(target.provider) ?? 0));
        }
        failed(error, isCallersBound);
      },
    });
  };
  return seen;
}

/** Three providers that fall ill in turn, under so many requests a second for so long. */
export async function chaosRun(durationMs: number, perSecond: number): Promise<ChaosResult> {
  const simulator = await startSimulator({ port: 0, speed: 0 });
  const names: TargetStatus['provider'][] = ['fails', 'hangs', 'limits'];
  const providers = names.map(
    (name) =>
      `  ${name}: { type: openai-compatible, api_key: k, base_url: "${simulator.url}/${name}/v1", allow_private_network: true, models: [${name}-model], timeouts: { first_byte: 2500ms, total: 20s } }`,
  );
  const targets = names.map((provider) => `{ provider: ${provider}, model: ${provider}-model }`);
  const gateway = await startGateway(`
providers:
${providers.join('\n')}
models:
  chaos: { strategy: weighted, targets: [${targets.join(', ')}] }
routing: { fallback: explicit, breaker: { open: 2s } }
pricing: { unknown: free }
cache: { enabled: false }
`);
  try {
    const seen = watch(gateway.app.get(TargetHealth), () => performance.now());
    const rounds = Math.ceil(durationMs / ROUND_MS);
    simulator.scenario(Array.from({ length: rounds }, (_, round) => misfortunes(round * ROUND_MS)).flat());
    const errors: string[] = [];
    // A kept connection that the server closes in the same moment would be an error of the client's own.
    const dispatcher = new Agent({ pipelining: 0 });
    const one = async (index: number): Promise<void> => {
      const stream = index % 2 === 0;
      const response = await request(`${gateway.url}/v1/chat/completions`, {
        dispatcher,
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'chaos',
          stream,
          max_tokens: 20,
          messages: [{ role: 'user', content: `[[say:well]] ${index}` }],
        }),
      });
      const text = await response.body.text();
      const isComplete = stream ? text.includes('well') && text.trimEnd().endsWith('[DONE]') : text.includes('well');
      if (response.statusCode !== 200 || !isComplete) errors.push(`${response.statusCode} ${text.slice(0, 300)}`);
    };
    const running = new Set<Promise<void>>();
    const startedMs = performance.now();
    let requests = 0;
    while (performance.now() - startedMs < durationMs) {
      const due = Math.floor(((performance.now() - startedMs) / 1000) * perSecond);
      // On a machine that cannot keep up there are fewer requests, not a flood of them.
      for (; requests < due && running.size < MAX_RUNNING; requests += 1) {
        const work = one(requests).catch((error: unknown) => void errors.push(String(error)));
        running.add(work);
        void work.finally(() => running.delete(work));
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(running);
    return { requests, errors, ...seen, amplification: seen.calls / requests };
  } finally {
    await gateway.close();
    await simulator.close();
  }
}

export const chaosFigure = ({ requests, early, waitsAsked, calls, amplification }: ChaosResult): string =>
  `chaos: ${requests} requests, 0 avoidable errors, ${waitsAsked} waits asked, ${early} early calls, ${calls} calls (${amplification.toFixed(3)} each)`;
