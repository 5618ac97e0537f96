/** A value of the file that may be anything. */
export type Json = Readonly<Record<string, unknown>>;

export const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const wordOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** One entry of `model_list`, as far as it can be carried over. */
export interface Deployment {
  /** The name clients ask for. */
  readonly alias: string;
  readonly vendor: string;
  readonly type: 'openai' | 'anthropic' | 'openai-compatible';
  readonly model: string;
  readonly apiKey: string | null;
  readonly baseUrl: string | null;
  readonly weight: number | null;
  /** USD per token. */
  readonly inputCost: number | null;
  readonly outputCost: number | null;
}

/** Vendors that speak OpenAI's dialect at an address of their own, by LiteLLM's prefix; the key they are given by default. */
const COMPATIBLE: Readonly<Record<string, { readonly baseUrl: string; readonly key: string }>> = {
  groq: { baseUrl: 'https://api.groq.com/openai/v1', key: 'GROQ_API_KEY' },
  mistral: { baseUrl: 'https://api.mistral.ai/v1', key: 'MISTRAL_API_KEY' },
  deepseek: { baseUrl: 'https://api.deepseek.com/v1', key: 'DEEPSEEK_API_KEY' },
  openrouter: { baseUrl: 'https://openrouter.ai/api/v1', key: 'OPENROUTER_API_KEY' },
  together_ai: { baseUrl: 'https://api.together.xyz/v1', key: 'TOGETHERAI_API_KEY' },
  fireworks_ai: { baseUrl: 'https://api.fireworks.ai/inference/v1', key: 'FIREWORKS_AI_API_KEY' },
  perplexity: { baseUrl: 'https://api.perplexity.ai', key: 'PERPLEXITYAI_API_KEY' },
  cerebras: { baseUrl: 'https://api.cerebras.ai/v1', key: 'CEREBRAS_API_KEY' },
  xai: { baseUrl: 'https://api.x.ai/v1', key: 'XAI_API_KEY' },
  gemini: { baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai', key: 'GEMINI_API_KEY' },
};

/** Vendors whose servers are the operator's own, so that an address must be given. */
const SELF_HOSTED: ReadonlySet<string> = new Set(['hosted_vllm', 'vllm', 'openai_like', 'lm_studio', 'litellm_proxy']);

/** Fields of `litellm_params` that are read here. */
const KNOWN_PARAMS: ReadonlySet<string> = new Set([
  'model',
  'api_key',
  'api_base',
  'base_url',
  'weight',
  'input_cost_per_token',
  'output_cost_per_token',
  'custom_llm_provider',
]);

/** `os.environ/NAME` becomes `${NAME}`. A key that stands in the file is not repeated: it belongs into the environment. */
function keyOf(value: unknown, fallback: string | null, path: string, notes: string[]): string | null {
  if (typeof value !== 'string' || value === '') return fallback === null ? null : `\${${fallback}}`;
  const variable = /^os\.environ\/(\w+)$/.exec(value)?.[1];
  if (variable !== undefined) return `\${${variable}}`;
  const name = fallback ?? 'PROVIDER_API_KEY';
  notes.push(`${path}: the key is written in the file; put it into the environment as ${name}`);
  return `\${${name}}`;
}

function addressOf(params: Json): string | null {
  const value = params['api_base'] ?? params['base_url'];
  if (typeof value !== 'string' || value === '') return null;
  const variable = /^os\.environ\/(\w+)$/.exec(value)?.[1];
  return variable === undefined ? value.replace(/\/+$/, '') : `\${${variable}}`;
}

/** `vendor/model`; without a vendor the name tells whose model it is. */
function split(params: Json): { readonly vendor: string; readonly model: string } {
  const full = wordOf(params['model']);
  const slash = full.indexOf('/');
  const custom = params['custom_llm_provider'];
  if (typeof custom === 'string') return { vendor: custom, model: full };
  if (slash > 0) return { vendor: full.slice(0, slash), model: full.slice(slash + 1) };
  return { vendor: full.startsWith('claude') ? 'anthropic' : 'openai', model: full };
}

interface Place {
  readonly type: Deployment['type'];
  readonly baseUrl: string | null;
  readonly key: string | null;
}

/** Where a vendor's models are found, or why they cannot be. */
function placeOf(vendor: string, address: string | null): Place | string {
  if (vendor === 'openai') {
    const type = address === null ? 'openai' : 'openai-compatible';
    return { type, baseUrl: address, key: address === null ? 'OPENAI_API_KEY' : null };
  }
  if (vendor === 'anthropic') return { type: 'anthropic', baseUrl: address, key: 'ANTHROPIC_API_KEY' };
  const known = COMPATIBLE[vendor];
  if (known) return { type: 'openai-compatible', baseUrl: address ?? known.baseUrl, key: known.key };
  if (vendor === 'azure') return azure(address);
  if (vendor === 'ollama' || vendor === 'ollama_chat') return ollama(address ?? 'http://localhost:11434');
  return SELF_HOSTED.has(vendor) ? selfHosted(vendor, address) : `there is no provider type for "${vendor}"`;
}

const selfHosted = (vendor: string, address: string | null): Place | string =>
  address === null ? `"${vendor}" needs an api_base` : { type: 'openai-compatible', baseUrl: address, key: null };

/** Ollama speaks OpenAI's dialect below `/v1`. */
const ollama = (address: string): Place => ({
  type: 'openai-compatible',
  baseUrl: address.endsWith('/v1') ? address : `${address}/v1`,
  key: null,
});

/** Azure's v1 endpoint speaks OpenAI's dialect as it is. */
function azure(address: string | null): Place | string {
  if (address === null) return '"azure" needs an api_base';
  const baseUrl = address.endsWith('/openai/v1') ? address : `${address}/openai/v1`;
  return { type: 'openai-compatible', baseUrl, key: 'AZURE_API_KEY' };
}

/** A slash names one target exactly, so an alias may not have one. */
export const aliasName = (name: string): string => name.replaceAll('/', '-');

const numberOf = (value: unknown): number | null => (typeof value === 'number' && value >= 0 ? value : null);

/** Reads one entry; null, with a note, when it cannot be carried over. */
export function readDeployment(entry: unknown, path: string, notes: string[]): Deployment | null {
  const { model_name: alias, litellm_params: given, model_info: info, ...others } = objectOf(entry);
  const params = objectOf(given);
  const { vendor, model } = split(params);
  if (typeof alias !== 'string' || alias === '' || model === '') {
    notes.push(`${path}: needs model_name and litellm_params.model`);
    return null;
  }
  if (alias.includes('*') || model.includes('*')) {
    notes.push(`${path}: the wildcard "${alias}"; list the models one by one`);
    return null;
  }
  if (alias.includes('/')) notes.push(`${path}.model_name "${alias}": clients ask for "${aliasName(alias)}" now`);
  const place = placeOf(vendor, addressOf(params));
  if (typeof place === 'string') {
    notes.push(`${path} (${alias}): ${place}`);
    return null;
  }
  const dropped = [
    ...Object.keys(params)
      .filter((name) => !KNOWN_PARAMS.has(name))
      .map((name) => `litellm_params.${name}`),
    ...Object.keys(others),
  ];
  for (const name of dropped) notes.push(`${path}.${name} (${alias})`);
  const prices = { ...objectOf(info), ...params };
  return {
    alias: aliasName(alias),
    vendor,
    type: place.type,
    model,
    apiKey: keyOf(params['api_key'], place.key, `${path}.litellm_params.api_key`, notes),
    baseUrl: place.baseUrl,
    weight: numberOf(params['weight']),
    inputCost: numberOf(prices['input_cost_per_token']),
    outputCost: numberOf(prices['output_cost_per_token']),
  };
}
