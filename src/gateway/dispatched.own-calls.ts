import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { BillingService, BudgetLadder } from '../billing';
import { GatewayContext, type AttemptLedger } from '../core/context';
import { GatewayError, NotFoundError } from '../core/errors';
import { newId } from '../core/ids';
import { JsonDocument } from '../core/json-document';
import { OwnCalls, type OwnAnswer, type OwnCall } from '../core/own-calls';
import type { JsonReply } from '../core/reply';
import { Clock } from '../platform/clock';
import { Dispatcher, ProviderRegistry } from '../providers';
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

  override async chat(call: OwnCall): Promise<OwnAnswer> {
    if (this.isStopping) throw new Error('the gateway is stopping');
    const context = this.open(call);
    this.running.add(context);
    const timer = setTimeout(() => context.signal.abort(), call.timeoutMs);
    try {
      const reply = await this.dispatch(context, call);
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
      call.onCost(context.attempts?.cost() ?? 0n);
    }
  }

  beforeApplicationShutdown(): void {
    this.isStopping = true;
    for (const context of this.running) context.signal.abort();
  }

  private open({ identity, purpose, timeoutMs }: OwnCall): GatewayContext {
    const now = this.clock.now();
    const context = new GatewayContext({
      requestId: newId('req', now),
      dialect: 'openai',
      endpoint: purpose,
      startedAtMs: now,
      monotonic: () => this.clock.monotonic(),
      onDeferredError: (error) => this.logger.error(error),
    });
    context.identity = identity;
    context.timeoutMs = timeoutMs;
    this.recorder.track(context);
    return context;
  }

  private async dispatch(context: GatewayContext, { body }: OwnCall): Promise<JsonReply> {
    context.request = parseChatCompletions(JsonDocument.of(body), {});
    const acquired = this.registry.acquire(body.model, { fallback: false });
    if (!acquired) throw new NotFoundError(`The model "${body.model}" does not exist.`, 'model_not_found', 'model');
    context.defer(acquired.release);
    context.plan = acquired.plan;
    context.configVersion = acquired.configVersion;
    context.attempts = this.payments.openLedger(context);
    const reply = await this.dispatcher.chat(context);
    if (reply.kind === 'json') return reply;
    throw new Error('an answer that was asked for in one piece came as a stream');
  }
}
