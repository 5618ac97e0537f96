import type { Variables } from './platform/config/environment';
import { PROVIDER_TYPES, ProviderConfig, type ProvidersConfig, type ProviderType } from './providers/providers.config';

const EMBEDDING_MODELS = ['text-embedding-3-small', 'text-embedding-3-large'];
/**
 * What a provider serves that the environment alone configures. The positions pair models of a kind, for `by_position`: those
 * for embeddings stand last, where the other provider has none.
 */
const OPENAI_MODELS = ['gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-4.1-mini', 'o4-mini', ...EMBEDDING_MODELS];
const ANTHROPIC_MODELS = [
  'claude-sonnet-4-20250514',
  'claude-3-5-haiku-20241022',
  'claude-sonnet-4-5',
  'claude-haiku-4-5',
  'claude-opus-4-5',
];
const SIMULATED_MODELS = [
  'gpt-4o',
  'gpt-4o-mini',
  'claude-sonnet-4-20250514',
  'claude-3-5-haiku-20241022',
  ...EMBEDDING_MODELS,
];

/** Fills in what an entry leaves to its name and position; without any entry, makes them from the environment. */
export function completeProviders(providers: ProvidersConfig, variables: Variables): void {
  if (Object.keys(providers.entries).length === 0) Object.assign(providers, { entries: fromVariables(variables) });
  for (const [index, [name, provider]] of Object.entries(providers.entries).entries()) {
    if (provider.type === undefined && isProviderType(name)) provider.type = name;
    provider.priority ??= index + 1;
  }
}

export function isProviderType(name: string): name is ProviderType {
  return (PROVIDER_TYPES as readonly string[]).includes(name);
}

function fromVariables(variables: Variables): Record<string, ProviderConfig> {
  const entries = Object.create(null) as Record<string, ProviderConfig>;
  const { OPENAI_API_KEY: openai, ANTHROPIC_API_KEY: anthropic } = variables;
  if (openai !== undefined) entries['openai'] = withModels(OPENAI_MODELS, openai);
  if (anthropic !== undefined) entries['anthropic'] = withModels(ANTHROPIC_MODELS, anthropic);
  if (Object.keys(entries).length === 0) entries['simulator'] = withModels(SIMULATED_MODELS);
  return entries;
}

function withModels(models: readonly string[], key?: string): ProviderConfig {
  return Object.assign(new ProviderConfig(), { models: [...models] }, key === undefined ? {} : { api_key: key.trim() });
}
