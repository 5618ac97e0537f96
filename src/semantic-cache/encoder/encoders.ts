import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { OwnCalls } from '../../core/own-calls';
import { Clock } from '../../platform/clock';
import { LiveConfig } from '../../platform/config/live-config';
import { CacheConfig, needsEncoder, type CacheEmbeddingsConfig } from '../cache.config';
import { CacheMetrics } from '../cache.metrics';
import { ModelFolderPromptEncoder } from './model-folder/model-folder.prompt-encoder';
import { PatientEncoder, type Asker, type Unencoded } from './patient-encoder';
import type { PromptEncoder } from './prompt-encoder';
import { ProviderPromptEncoder } from './provider.prompt-encoder';
import { ThreadPromptEncoder } from './thread.prompt-encoder';
import { UseLitePromptEncoder } from './use-lite/use-lite.prompt-encoder';

const LOCAL_TIMEOUT_MS = 50;
const PROVIDER_TIMEOUT_MS = 500;
const OPENAI_MODEL = 'text-embedding-3-small';

interface Open {
  /** What of the configuration it was made from. */
  readonly from: string;
  readonly encoder: PromptEncoder;
  readonly patient: PatientEncoder;
}

/** The encoder that the configuration asks for: opened when a mode needs one, replaced when the configuration changes. */
@Injectable()
export class Encoders implements OnApplicationShutdown {
  private open: Open | null = null;

  constructor(
    private readonly config: LiveConfig,
    private readonly calls: OwnCalls,
    private readonly metrics: CacheMetrics,
    private readonly clock: Clock,
  ) {
    this.apply();
    config.onReload(() => this.apply());
  }

  /** Null while no mode needs an encoder, and while the model is being loaded or cannot be. */
  get name(): string | null {
    return this.open?.patient.name ?? null;
  }

  /** Whether there should be vectors and no encoder is ready to make them. */
  get isMissing(): boolean {
    return this.open?.patient.name === null;
  }

  /** Whether a vector costs nothing and leaves the machine for nobody. */
  get isLocal(): boolean {
    return this.open?.encoder instanceof ThreadPromptEncoder;
  }

  /** Whether the vector of the text is at hand. */
  knows(text: string, asker: Asker): boolean {
    return this.open?.patient.knows(text, asker) ?? false;
  }

  /** Makes the vector, for whoever asks for it soon. */
  begin(text: string, asker: Asker): void {
    this.open?.patient.begin(text, asker);
  }

  async encode(text: string, asker: Asker): Promise<Float32Array | Unencoded> {
    return this.open?.patient.encode(text, asker) ?? 'failed';
  }

  async onApplicationShutdown(): Promise<void> {
    const { open } = this;
    this.open = null;
    await open?.encoder.close();
  }

  private apply(): void {
    const config = this.config.section(CacheConfig);
    const from = config.enabled && needsEncoder(config) ? JSON.stringify(config.embeddings) : null;
    if (from === (this.open?.from ?? null)) return;
    void this.open?.encoder.close();
    this.open = from === null ? null : this.start(from, config.embeddings);
  }

  private start(from: string, config: CacheEmbeddingsConfig): Open {
    const encoder = config.provider === 'local' ? this.openLocal(config) : this.openRemote(config);
    return { from, encoder, patient: new PatientEncoder(encoder, this.metrics, this.clock) };
  }

  private openLocal({ path: folder, prefix, timeout: deadlineMs = LOCAL_TIMEOUT_MS }: CacheEmbeddingsConfig) {
    const nowMs = (): number => this.clock.monotonic();
    return folder === undefined
      ? new UseLitePromptEncoder(deadlineMs, nowMs)
      : new ModelFolderPromptEncoder({ folder, prefix: prefix ?? '' }, deadlineMs, nowMs);
  }

  private openRemote({ provider, model = OPENAI_MODEL, timeout }: CacheEmbeddingsConfig) {
    return new ProviderPromptEncoder(this.calls, {
      provider,
      model,
      deadlineMs: timeout ?? PROVIDER_TIMEOUT_MS,
      onCost: (cost) => this.metrics.spend('embeddings', cost),
    });
  }
}
