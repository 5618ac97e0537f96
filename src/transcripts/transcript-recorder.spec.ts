import { Registry } from 'prom-client';
import type { InferenceRequest } from '../core/chat';
import { GatewayContext, type Identity } from '../core/context';
import { JsonDocument } from '../core/json-document';
import type { LiveConfig } from '../platform/config/live-config';
import type { MetricsRegistry } from '../platform/metrics/metrics';
import type { Secrets } from '../platform/secrets/secrets';
import { TranscriptMetrics } from './transcript.metrics';
import { TranscriptRecorder } from './transcript-recorder';
import { TranscriptSeals } from './transcript-seals';
import type { TranscriptRow, TranscriptStore } from './transcript-store';
import { RedactionPatternConfig, TranscriptsConfig } from './transcripts.config';

class FakeStore {
  readonly rows: TranscriptRow[] = [];
  failures = 0;
  gate: Promise<void> = Promise.resolve();

  async insert(rows: readonly TranscriptRow[]): Promise<void> {
    await this.gate;
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('the database is away');
    }
    this.rows.push(...rows);
  }
}

let number = 0;
function contextOf(storesContent: boolean, body: Record<string, unknown> = { messages: [] }): GatewayContext {
  const context = new GatewayContext({
    requestId: `req_${(number += 1)}`,
    dialect: 'openai',
    endpoint: '/v1/chat/completions',
    startedAtMs: Date.UTC(2026, 10, 28),
    monotonic: () => performance.now(),
    onDeferredError: (error) => {
      throw error;
    },
  });
  context.identity = { teamId: 'team_1', storesContent } as Identity;
  context.request = { document: JsonDocument.of(body), choices: 1 } as InferenceRequest;
  return context;
}

function setUp(changes: Partial<TranscriptsConfig> = {}) {
  const registry = new Registry();
  const store = new FakeStore();
  const config = Object.assign(new TranscriptsConfig(), changes);
  const seals = new TranscriptSeals({ transcriptKey: Buffer.alloc(32, 7) } as Secrets);
  const recorder = new TranscriptRecorder(
    { section: () => config } as unknown as LiveConfig,
    seals,
    store as unknown as TranscriptStore,
    new TranscriptMetrics({ registry } as MetricsRegistry),
  );
  const counted = async (outcome: string): Promise<number> => {
    const metric = await registry.getSingleMetric('gateway_transcripts_total')?.get();
    return metric?.values.find(({ labels }) => labels['outcome'] === outcome)?.value ?? 0;
  };
  const record = (context: GatewayContext): void => {
    recorder.track(context);
    context.transcript?.observe({
      kind: 'content',
      name: null,
      data: null,
      raw: null,
      usage: null,
      text: 'Fine.',
      finish: null,
    });
    context.close();
  };
  return { recorder, store, seals, counted, record };
}

describe('the recorder of transcripts', () => {
  it('keeps nothing, and watches nothing, for a team that has not switched it on', async () => {
    const { recorder, store, record } = setUp();
    const context = contextOf(false);
    record(context);
    expect(context.transcript).toBeUndefined();
    await recorder.onApplicationShutdown();
    expect(store.rows).toEqual([]);
  });

  it('keeps what was asked and answered, sealed for its request', async () => {
    const { recorder, store, seals, counted, record } = setUp();
    record(contextOf(true, { messages: [{ content: 'Write to a@example.com' }] }));
    await recorder.onApplicationShutdown();
    const [row] = store.rows;
    if (!row) throw new Error('no row');
    expect(row).toMatchObject({ teamId: 'team_1', keyId: expect.stringMatching(/^2026-11\.[0-9a-f]{8}$/) });
    expect(JSON.parse(seals.open(row.requestId, row))).toEqual({
      prompt: {
        value: { messages: [{ content: 'Write to [email address]' }] },
        found: { email_addresses: 1 },
        isCut: false,
      },
      answer: { value: 'Fine.', found: {}, isCut: false },
    });
    expect(() => seals.open('req_other', row)).toThrow('does not open');
    const other = new TranscriptSeals({ transcriptKey: Buffer.alloc(32, 8) } as Secrets);
    expect(() => other.open(row.requestId, row)).toThrow('another GATEWAY_SECRET');
    expect(await counted('stored')).toBe(1);
  });

  it('never waits: beyond its queue it leaves out and counts, and works on afterwards', async () => {
    const { recorder, store, counted, record } = setUp();
    let open = (): void => undefined;
    store.gate = new Promise((resolve) => {
      open = resolve;
    });
    const began = performance.now();
    for (let index = 0; index < 2_500; index += 1) record(contextOf(true));
    const tookMs = performance.now() - began;
    expect(await counted('queue_full')).toBe(500);
    // All of it while the database does not answer; a request alone is a few microseconds of that.
    expect(tookMs).toBeLessThan(5_000);
    open();
    await recorder.onApplicationShutdown();
    expect(store.rows).toHaveLength(2_000);
    expect([await counted('stored'), await counted('queue_full')]).toEqual([2_000, 500]);
  });

  it('bounds the memory that waits, not only the number', async () => {
    const { recorder, counted, record } = setUp();
    const body = { messages: ['x'.repeat(8 * 2 ** 20)] };
    for (let index = 0; index < 10; index += 1) record(contextOf(true, body));
    expect(await counted('queue_full')).toBe(3);
    await recorder.onApplicationShutdown();
  });

  it('tries again when the database is away for a moment, and counts what it had to leave out', async () => {
    const { recorder, store, counted, record } = setUp();
    store.failures = 1;
    record(contextOf(true));
    const until = performance.now() + 10_000;
    while (store.rows.length === 0 && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await counted('stored')).toBe(1);
    store.failures = 99;
    record(contextOf(true));
    await recorder.onApplicationShutdown();
    expect([await counted('stored'), await counted('not_written')]).toEqual([1, 1]);
  });

  it('keeps nothing of a text that cannot be redacted in time', async () => {
    const slow = Object.assign(new RedactionPatternConfig(), { name: 'slow', pattern: '(a+)+b' });
    const { recorder, store, counted, record } = setUp({ patterns: [slow] });
    record(contextOf(true, { messages: ['a'.repeat(60)] }));
    record(contextOf(true, { messages: ['short'] }));
    await recorder.onApplicationShutdown();
    expect(store.rows).toHaveLength(1);
    expect([await counted('not_redacted'), await counted('stored')]).toEqual([1, 1]);
  });
});
