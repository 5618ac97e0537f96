import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { BillingService, BudgetLadder } from '../billing';
import type { InferenceRequest } from '../core/chat';
import { GatewayContext, type AttemptLedger } from '../core/context';
import { GatewayError, NotFoundError } from '../core/errors';
import { newId } from '../core/ids';
import { JsonDocument } from '../core/json-document';
import { OwnCalls, type OwnAnswer, type OwnCall, type OwnCallTerms, type OwnEmbedding } from '../core/own-calls';
import type { JsonReply } from '../core/reply';
import { Clock } from '../platform/clock';
import { Dispatcher, ProviderRegistry, type AcquiredPlan } from '../providers';
import { parseEmbeddings } from './dialects/embeddings/parse';
import { parseChatCompletions } from './dialects/openai/parse';
import { RequestRecorder } from './request-recorder';

/** What pays for a call. */
@Injectable()
export class Payments {
  constructor(
    private readonly billing: BillingService,
    private readonly ladder: BudgetLadder,
  ) {}

  openLedger(context: GatewayContext): AttemptLedger {
    this.ladder.requirePayable(context);
    return this.billing.openLedger(context);
  }
}

type Acquire = () => AcquiredPlan | undefined;

/** The gateway's own calls, by the way that requests go once they are parsed. They end with the gateway. */
@Injectable()
export class DispatchedOwnCalls extends OwnCalls implements BeforeApplicationShutdown {
  private readonly logger = new Logger(DispatchedOwnCalls.name);
  private readonly running = new Set<GatewayContext>();
  private isStopping = false;

  constructor(
    private readonly registry: ProviderRegistry,
    private readonly dispatcher: Dispatcher,
    private readonly payments: Payments,
    private readonly recorder: RequestRecorder,
    private readonly clock: Clock,
  ) {
    super();
  }

  override chat(call: OwnCall): Promise<OwnAnswer> {
    const { model } = call.body;
    return this.make(call, parseChatCompletions(JsonDocument.of(call.body), {}), () =>
      this.registry.acquire(model, { fallback: false }),
    );
  }

  override embed(call: OwnEmbedding): Promise<OwnAnswer> {
    const { target, text } = call;
    const document = JsonDocument.of({ model: target.model, input: text, encoding_format: 'float' });
    return this.make(call, parseEmbeddings(document, {}), () => this.registry.acquireTarget(target));
  }

  private async make(terms: OwnCallTerms, request: InferenceRequest, acquire: Acquire): Promise<OwnAnswer> {
    if (this.isStopping) throw new Error('the gateway is stopping');
    const context = this.open(terms, request);
    this.running.add(context);
    const timer = setTimeout(() => context.signal.abort(), terms.timeoutMs);
    try {
      const reply = await this.dispatch(context, acquire);
      context.outcome = { status: 200, errorCode: null };
      const { requestId, served = { provider: '', model: reply.model } } = context;
      return { requestId, reply, served };
    } catch (error) {
      const [status, errorCode] = error instanceof GatewayError ? [error.status, error.code] : [500, 'internal_error'];
      context.outcome = { status, errorCode };
      throw error;
    } finally {
      clearTimeout(timer);
      this.running.delete(context);
      context.close();
      terms.onCost(context.attempts?.cost() ?? 0n);
    }
  }

  beforeApplicationShutdown(): void {
    this.isStopping = true;
    for (const context of this.running) context.signal.abort();
  }

  private open({ identity, purpose, timeoutMs }: OwnCallTerms, request: InferenceRequest): GatewayContext {
    const now = this.clock.now();
    const context = new GatewayContext({
      requestId: newId('req', now),
      dialect: request.dialect,
      endpoint: purpose,
      startedAtMs: now,
      monotonic: () => this.clock.monotonic(),
      onDeferredError: (error) => this.logger.error(error),
    });
    context.identity = identity;
    context.request = request;
    context.timeoutMs = timeoutMs;
    this.recorder.track(context);
    return context;
  }

  private async dispatch(context: GatewayContext, acquire: Acquire): Promise<JsonReply> {
    const acquired = acquire();
    if (!acquired) {
      const model = context.request?.model ?? '';
      throw new NotFoundError(`The model "${model}" does not exist.`, 'model_not_found', 'model');
    }
    context.defer(acquired.release);
    context.plan = acquired.plan;
    context.configVersion = acquired.configVersion;
    context.attempts = this.payments.openLedger(context);
    const reply = await this.dispatcher.chat(context);
    if (reply.kind === 'json') return reply;
    throw new Error('an answer that was asked for in one piece came as a stream');
  }
}
