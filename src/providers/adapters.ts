import { AnthropicProvider } from './anthropic/anthropic.provider';
import { OpenAiCompatibleProvider } from './openai-compatible/openai-compatible.provider';
import { OpenAiProvider } from './openai/openai.provider';
import type { Provider, ProviderSettings } from './provider';
import type { ProviderType } from './providers.config';
import { SimulatorProvider } from './simulator/simulator.provider';

/** All adapters. A new provider is a folder beside these and one line here. */
export const ADAPTERS: Readonly<Record<ProviderType, (settings: ProviderSettings) => Provider>> = {
  openai: (settings) => new OpenAiProvider(settings),
  anthropic: (settings) => new AnthropicProvider(settings),
  'openai-compatible': (settings) => new OpenAiCompatibleProvider(settings),
  simulator: (settings) => new SimulatorProvider(settings),
};
