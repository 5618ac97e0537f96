import { Injectable } from '@nestjs/common';
import { NotFoundError, UpstreamError } from '../core/errors';
import { ChatRequest, type ChatBody } from '../core/chat';
import { JsonDocument } from '../core/json-document';
import { Clock } from '../platform/clock';
import type { Provider } from './provider';
import { ProviderRegistry, type ConfiguredProvider } from './provider-registry';
import { TargetHealth, type TargetStatus } from './target-health';

/** A provider as it stands now. */
export interface ProviderOverview {
  readonly name: string;
  readonly type: string;
  /** Host of its address; the rest stays inside. */
  readonly host: string;
  readonly priority: number;
  readonly quotaDomain: string | null;
  readonly activeCalls: number;
  readonly models: readonly TargetStatus[];
}

/** What came of a test call. */
export interface ProviderCheck {
  readonly ok: boolean;
  readonly model: string;
  readonly latencyMs: number;
  /** The model that answered, in the provider's words; null when it failed. */
  readonly servedModel: string | null;
  readonly error: { readonly reason: string; readonly status: number | null; readonly message: string } | null;
}

/** Long enough for a slow model, short enough for a person who waits. */
const CHECK_TIMEOUT_MS = 20_000;
/** The least that every provider accepts. */
const CHECK_OUTPUT_TOKENS = 16;

/** What operators see of the providers, and the button with which they try one. */
@Injectable()
export class ProviderOverviews {
  constructor(
    private readonly registry: ProviderRegistry,
    private readonly health: TargetHealth,
    private readonly clock: Clock,
  ) {}

  list(): readonly ProviderOverview[] {
    return this.registry.configured.map((configured) => this.describe(configured));
  }

  /**
   * Makes one real, tiny chat call through the official SDK, past breaker and cooldowns: somebody wants to know. It is on no
   * team's bill. When it succeeds, what was held against the provider is forgotten. Throws `NotFoundError`.
   */
  async check(name: string, model?: string): Promise<ProviderCheck> {
    const configured = this.registry.configured.find(({ provider }) => provider.name === name);
    if (!configured)
      throw new NotFoundError(`There is no provider "${name.slice(0, 64)}". GET /api/v1/providers lists them.`);
    const asked = model ?? configured.models[0] ?? '';
    if (!configured.models.includes(asked)) {
      const known = configured.models.join(', ');
      throw new NotFoundError(`Provider "${name}" lists no model "${asked.slice(0, 64)}". It lists: ${known}.`);
    }
    const startedMs = this.clock.monotonic();
    try {
      const servedModel = await callOnce(configured.provider, asked);
      this.health.forget(name);
      return { ok: true, model: asked, latencyMs: this.clock.monotonic() - startedMs, servedModel, error: null };
    } catch (failure) {
      if (!(failure instanceof UpstreamError)) throw failure;
      const error = { reason: failure.reason, status: failure.status ?? null, message: failure.message };
      return { ok: false, model: asked, latencyMs: this.clock.monotonic() - startedMs, servedModel: null, error };
    }
  }

  private describe({ provider, models, priority, quotaDomain }: ConfiguredProvider): ProviderOverview {
    return {
      name: provider.name,
      type: provider.type,
      host: hostOf(provider.baseUrl),
      priority,
      quotaDomain,
      activeCalls: provider.activeCalls,
      models: models.map((model) =>
        this.health.status({
          provider: provider.name,
          model,
          quotaDomain: this.registry.quotaDomainOf({ provider: provider.name, model }),
        }),
      ),
    };
  }
}

async function callOnce(provider: Provider, model: string): Promise<string> {
  const body: ChatBody = {
    model,
    messages: [{ role: 'user', content: 'Answer with the word ok.' }],
    max_tokens: CHECK_OUTPUT_TOKENS,
  };
  const request = new ChatRequest({
    // The dialect it does not speak: so the call is translated, which the official SDK makes.
    dialect: provider.speaks('openai', model) ? 'anthropic' : 'openai',
    document: JsonDocument.of(body),
    model,
    stream: false,
    includeUsage: false,
    maxOutputTokens: CHECK_OUTPUT_TOKENS,
    choices: 1,
    forwardedHeaders: {},
    toCanonical: () => body,
  });
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
  const reply = await provider.chat({ request, model, signal, remainingMs: CHECK_TIMEOUT_MS });
  return reply.model;
}

const hostOf = (baseUrl: string): string => (URL.canParse(baseUrl) ? new URL(baseUrl).host : baseUrl);
