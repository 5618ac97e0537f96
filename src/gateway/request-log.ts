import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import { formatUsd, NANO_PER_USD } from '../core/money';
import type { GatewayContext } from '../core/context';
import { StructuredLogger } from '../platform/logging/logger';
import { MetricsRegistry } from '../platform/metrics/metrics';

/** OpenTelemetry's buckets for `gen_ai.server.request.duration`. */
const DURATION_BUCKETS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/** OpenTelemetry's buckets for `gen_ai.server.time_to_first_token`. */
const FIRST_TOKEN_BUCKETS = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** One log line and the metrics of each request, written when it is over. No prompt, no answer, no key; no user in a label. */
@Injectable()
export class RequestLog {
  private readonly duration: Histogram;
  private readonly firstToken: Histogram;
  private readonly tokens: Counter;
  private readonly cost: Counter;
  private readonly inFlight: Gauge;

  constructor(
    { registry }: MetricsRegistry,
    @Inject(StructuredLogger) private readonly logger: StructuredLogger,
  ) {
    const registers = [registry];
    const labelNames = ['gen_ai_operation_name', 'gen_ai_provider_name', 'gen_ai_request_model'];
    this.duration = new Histogram({
      name: 'gen_ai_server_request_duration_seconds',
      help: 'Duration of inference requests.',
      labelNames: [...labelNames, 'http_response_status_code'],
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.firstToken = new Histogram({
      name: 'gen_ai_server_time_to_first_token_seconds',
      help: 'From the request to the first byte of a streamed answer.',
      labelNames,
      buckets: FIRST_TOKEN_BUCKETS,
      registers,
    });
    this.tokens = new Counter({
      name: 'gen_ai_client_token_usage',
      help: 'Tokens of all provider calls; input and output are totals that include the other kinds.',
      labelNames: ['gen_ai_token_type', 'gen_ai_provider_name', 'gen_ai_request_model'],
      registers,
    });
    this.cost = new Counter({
      name: 'gateway_cost_usd_total',
      help: 'Cost of all provider calls in USD.',
      labelNames: ['provider', 'model'],
      registers,
    });
    this.inFlight = new Gauge({
      name: 'gateway_inflight_requests',
      help: 'Inference requests being answered.',
      registers,
    });
  }

  track(context: GatewayContext): void {
    this.inFlight.inc();
    context.defer(() => {
      this.inFlight.dec();
      this.measure(context);
      this.write(context);
    });
  }

  private measure(context: GatewayContext): void {
    const { served, request } = context;
    const labels = labelsOf(context);
    this.duration.observe({ ...labels, http_response_status_code: statusOf(context) }, context.elapsedMs() / 1000);
    if (request?.stream && context.firstByteAtMs !== undefined) {
      this.firstToken.observe(labels, (context.firstByteAtMs - context.startedMonotonicMs) / 1000);
    }
    const { gen_ai_operation_name: _, ...tokenLabels } = labels;
    for (const [type, count] of tokenCounts(context)) {
      if (count > 0) this.tokens.inc({ ...tokenLabels, gen_ai_token_type: type }, count);
    }
    const cost = costOf(context);
    if (cost > 0n && served) {
      this.cost.inc(
        { provider: served.provider, model: labels.gen_ai_request_model },
        Number(cost) / Number(NANO_PER_USD),
      );
    }
  }

  private write(context: GatewayContext): void {
    const { identity, served, outcome, request } = context;
    this.logger.records.info(
      {
        request_id: context.requestId,
        trace_id: context.trace?.traceId,
        endpoint: context.endpoint,
        key_id: identity?.keyId,
        team_id: identity?.teamId,
        model: request?.model.slice(0, 128),
        provider: served?.provider,
        served_model: served?.model,
        attempts: served?.attempts,
        stream: request?.stream,
        status: statusOf(context),
        error: outcome ? outcome.errorCode : 'client_gone',
        cache: context.cacheStatus,
        cost_usd: formatUsd(costOf(context)),
        duration_ms: Math.round(context.elapsedMs()),
      },
      'request',
    );
  }
}

/** nginx's word for a client that left before the answer. */
const CLIENT_CLOSED = 499;

const statusOf = (context: GatewayContext): number => context.outcome?.status ?? CLIENT_CLOSED;
function tokenCounts({ attempts }: GatewayContext): [string, number][] {
  const usage = attempts?.usage();
  if (!usage) return [];
  return [
    ['input', usage.inputTokens],
    ['output', usage.outputTokens],
    ['cache_read', usage.cacheReadTokens],
    ['cache_write', usage.cacheWrite5mTokens + usage.cacheWrite1hTokens],
  ];
}

const costOf = (context: GatewayContext): bigint => context.attempts?.cost() ?? 0n;

const labelsOf = ({ served, plan, dialect }: GatewayContext) => ({
  gen_ai_operation_name: dialect === 'embeddings' ? 'embeddings' : 'chat',
  gen_ai_provider_name: served?.provider ?? 'none',
  // A name nobody configured is not a label: anybody could make up millions.
  gen_ai_request_model: plan?.requestedModel ?? 'unknown',
});
