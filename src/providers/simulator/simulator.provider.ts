import type { Dialect } from '../../core/chat';
import type { ChatReply, JsonReply } from '../../core/reply';
import { AnthropicProvider } from '../anthropic/anthropic.provider';
import { OpenAiProvider } from '../openai/openai.provider';
import { Provider, type ProviderCall, type ProviderSettings } from '../provider';
import { startSimulator, type Simulator } from './server/simulator';

/** Fast enough to try things out, slow enough that a stream looks like one. */
const DEMO_SPEED = 0.05;

interface Voices {
  readonly openai: OpenAiProvider;
  readonly anthropic: AnthropicProvider;
}

/**
 * The built-in provider: models named `claude…` answer in Anthropic's dialect, all others in OpenAI's, over real HTTP
 * with the same adapters as the real ones. Without a `base_url` it starts its own server on the loopback interface when
 * it is first called.
 */
export class SimulatorProvider extends Provider {
  override readonly name: string;
  override readonly type = 'simulator';
  override readonly baseUrl: string;
  private voices: Promise<Voices> | undefined;
  private server: Simulator | undefined;
  private current: Voices | undefined;

  constructor(private readonly settings: ProviderSettings) {
    super();
    this.name = settings.name;
    this.baseUrl = settings.baseUrl ?? 'in-process';
  }

  override get activeCalls(): number {
    return (this.current?.openai.activeCalls ?? 0) + (this.current?.anthropic.activeCalls ?? 0);
  }

  override speaks(dialect: Dialect, model: string): boolean {
    return (voiceOf(model) === 'anthropic') === (dialect === 'anthropic');
  }

  override async chat(call: ProviderCall): Promise<ChatReply> {
    return (await this.voice(call.model)).chat(call);
  }

  override async countTokens(call: ProviderCall): Promise<JsonReply | null> {
    return (await this.voice(call.model)).countTokens(call);
  }

  override async close(): Promise<void> {
    const voices = await this.voices;
    await Promise.all([voices?.openai.close(), voices?.anthropic.close()]);
    await this.server?.close();
  }

  private async voice(model: string): Promise<Provider> {
    this.voices ??= this.start();
    return (await this.voices)[voiceOf(model)];
  }

  private async start(): Promise<Voices> {
    let { baseUrl } = this.settings;
    if (baseUrl === null) {
      this.server = await startSimulator({ port: 0, speed: DEMO_SPEED });
      baseUrl = `${this.server.url}/${this.name}`;
    }
    const root = baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '');
    const settings: ProviderSettings = {
      ...this.settings,
      apiKey: this.settings.apiKey ?? 'simulator',
      allowPrivateNetwork: true,
    };
    this.current = {
      openai: new OpenAiProvider({ ...settings, baseUrl: `${root}/v1` }),
      anthropic: new AnthropicProvider({ ...settings, baseUrl: root }),
    };
    return this.current;
  }
}

const voiceOf = (model: string): keyof Voices => (model.startsWith('claude') ? 'anthropic' : 'openai');
