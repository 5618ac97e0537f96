import { Inject, Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import type { GatewayContext } from '../core/context';
import { memoized } from '../core/memoized';
import { formatUsd, NANO_PER_USD, type NanoUsd } from '../core/money';
import { StructuredLogger } from '../platform/logging/logger';
import { MetricsRegistry } from '../platform/metrics/metrics';
import { SeriesCounter, SeriesHistogram, type CounterSeries, type HistogramSeries } from '../platform/metrics/series';

/** OpenTelemetry's buckets for `gen_ai.server.request.duration`. */
const DURATION_BUCKETS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/** OpenTelemetry's buckets for `gen_ai.server.time_to_first_token`. */
const FIRST_TOKEN_BUCKETS = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** What is counted of the requests for one model that one provider answered. */
interface ModelSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly durations: Map<number, HistogramSeries>;
  readonly firstToken: HistogramSeries;
  readonly tokens: Readonly<Record<'input' | 'output' | 'cache_read' | 'cache_write', CounterSeries>>;
  readonly cost: CounterSeries;
}

/** One log line and the metrics of each request, written when it is over. No prompt, no answer, no key; no user in a label. */
@Injectable()
export class RequestLog {
  private readonly duration: SeriesHistogram;
  private readonly firstToken: SeriesHistogram;
  private readonly tokens: SeriesCounter;
  private readonly cost: SeriesCounter;
  private readonly inFlight: Gauge;
  private running = 0;
  /** As many as there are models and providers in the configuration. */
  private readonly series = new Map<string, ModelSeries>();

  constructor(
    { registry }: MetricsRegistry,
    @Inject(StructuredLogger) private readonly logger: StructuredLogger,
  ) {
    this.duration = new SeriesHistogram({
      name: 'gen_ai_server_request_duration_seconds',
      help: 'Duration of inference requests.',
      buckets: DURATION_BUCKETS,
      registry,
    });
    this.firstToken = new SeriesHistogram({
      name: 'gen_ai_server_time_to_first_token_seconds',
      help: 'From the request to the first byte of a streamed answer.',
      buckets: FIRST_TOKEN_BUCKETS,
      registry,
    });
    this.tokens = new SeriesCounter({
      name: 'gen_ai_client_token_usage',
      help: 'Tokens of all provider calls; input and output are totals that include the other kinds.',
      registry,
    });
    this.cost = new SeriesCounter({
      name: 'gateway_cost_usd_total',
      help: 'Cost of all provider calls in USD.',
      registry,
    });
    this.inFlight = new Gauge({
      name: 'gateway_inflight_requests',
      help: 'Inference requests being answered.',
      registers: [registry],
      collect: () => this.inFlight.set(this.running),
    });
  }

  track(context: GatewayContext): void {
    this.running += 1;
    context.defer(() => {
      this.running -= 1;
      const cost = context.attempts?.cost() ?? 0n;
      this.measure(context, cost);
      if (this.logger.isLogged('info')) this.logger.line(lineOf(context, cost));
    });
  }

  private measure(context: GatewayContext, cost: NanoUsd): void {
    const { request, attempts } = context;
    const series = this.seriesOf(context);
    this.durationOf(series, statusOf(context)).observe(context.elapsedMs() / 1000);
    if (request?.stream && context.firstByteAtMs !== undefined) {
      series.firstToken.observe((context.firstByteAtMs - context.startedMonotonicMs) / 1000);
    }
    if (cost > 0n) series.cost.inc(Number(cost) / Number(NANO_PER_USD));
    if (!attempts) return;
    const usage = attempts.usage();
    const { input, output, cache_read: cacheRead, cache_write: cacheWrite } = series.tokens;
    input.inc(usage.inputTokens);
    output.inc(usage.outputTokens);
    cacheRead.inc(usage.cacheReadTokens);
    cacheWrite.inc(usage.cacheWrite5mTokens + usage.cacheWrite1hTokens);
  }

  private durationOf({ labels, durations }: ModelSeries, status: number): HistogramSeries {
    let series = durations.get(status);
    if (!series) {
      series = this.duration.open({ ...labels, http_response_status_code: status });
      durations.set(status, series);
    }
    return series;
  }

  private seriesOf({ served, plan, dialect }: GatewayContext): ModelSeries {
    const operation = dialect === 'embeddings' ? 'embeddings' : 'chat';
    const provider = served?.provider ?? 'none';
    // A name nobody configured is not a label: anybody could make up millions.
    const model = plan?.requestedModel ?? 'unknown';
    const key = `${operation} ${provider} ${model}`;
    let series = this.series.get(key);
    if (!series) {
      series = this.open(operation, provider, model);
      this.series.set(key, series);
    }
    return series;
  }

  private open(operation: string, provider: string, model: string): ModelSeries {
    const ofModel = { gen_ai_provider_name: provider, gen_ai_request_model: model };
    const labels = { gen_ai_operation_name: operation, ...ofModel };
    const counter = (type: string): CounterSeries => this.tokens.open({ ...ofModel, gen_ai_token_type: type });
    return {
      labels,
      durations: new Map(),
      firstToken: this.firstToken.open(labels),
      tokens: {
        input: counter('input'),
        output: counter('output'),
        cache_read: counter('cache_read'),
        cache_write: counter('cache_write'),
      },
      cost: this.cost.open({ provider, model }),
    };
  }
}

/** By hand, because it is the same members each time. */
function lineOf(context: GatewayContext, cost: NanoUsd): string {
  const { identity, served, outcome, request, trace, requestId, cacheStatus } = context;
  return (
    `"request_id":"${requestId}",${trace ? `"trace_id":"${trace.traceId}",` : ''}"endpoint":${text(context.endpoint)},` +
    (identity ? `"key_id":"${identity.keyId}","team_id":"${identity.teamId}",` : '') +
    (request ? `"model":${text(request.model.slice(0, MAX_MODEL_LENGTH))},` : '') +
    (served
      ? `"provider":${text(served.provider)},"served_model":${text(served.model)},"attempts":${served.attempts},`
      : '') +
    (request ? `"stream":${request.stream},` : '') +
    `"status":${statusOf(context)},"error":${text(outcome ? outcome.errorCode : 'client_gone')},` +
    `"cache":"${cacheStatus}","cost_usd":"${formatUsd(cost)}","duration_ms":${Math.round(context.elapsedMs())},` +
    `"msg":"request"`
  );
}

const MAX_MODEL_LENGTH = 128;
/** Names come again and again. */
const nameJson = memoized((name) => JSON.stringify(name));
const text = (name: string | null): string => (name === null ? 'null' : nameJson(name));

/** nginx's word for a client that left before the answer. */
const CLIENT_CLOSED = 499;

const statusOf = (context: GatewayContext): number => context.outcome?.status ?? CLIENT_CLOSED;
