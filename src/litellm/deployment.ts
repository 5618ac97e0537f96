import { Section } from './section';

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

/** `os.environ/NAME` becomes `${NAME}`. A key that stands in the file is not repeated: it belongs into the environment. */
function keyOf(params: Section, fallback: string | null, notes: string[]): string | null {
  const value = params.word('api_key');
  if (value === undefined) return fallback === null ? null : `\${${fallback}}`;
  const variable = /^os\.environ\/(\w+)$/.exec(value)?.[1];
  if (variable !== undefined) return `\${${variable}}`;
  const name = fallback ?? 'PROVIDER_API_KEY';
  notes.push(`${params.path}.api_key: the key is written in the file; put it into the environment as ${name}`);
  return `\${${name}}`;
}

function addressOf(params: Section): string | null {
  const value = params.word('api_base') ?? params.word('base_url');
  if (value === undefined) return null;
  const variable = /^os\.environ\/(\w+)$/.exec(value)?.[1];
  return variable === undefined ? value.replace(/\/+$/, '') : `\${${variable}}`;
}

/** `vendor/model`; without a vendor the name tells whose model it is. A prefix that only repeats the vendor is no part of the name. */
function split(params: Section): { readonly vendor: string; readonly model: string } {
  const full = params.word('model') ?? '';
  const slash = full.indexOf('/');
  const prefix = slash > 0 ? full.slice(0, slash) : undefined;
  const custom = params.word('custom_llm_provider');
  if (custom !== undefined) return { vendor: custom, model: prefix === custom ? full.slice(slash + 1) : full };
  if (prefix !== undefined) return { vendor: prefix, model: full.slice(slash + 1) };
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

type Prices = Pick<Deployment, 'inputCost' | 'outputCost'>;

/** An input price alone is that of embeddings, whose output costs nothing; an output price alone says too little. */
function pricesOf(params: Section, info: Section, notes: string[]): Prices {
  const cost = (name: string): number | undefined => params.amount(name) ?? info.amount(name);
  const place = (name: string): string => `${params.has(name) ? params.path : info.path}.${name}`;
  const [input, output] = ['input_cost_per_token', 'output_cost_per_token'] as const;
  const inputCost = cost(input);
  const outputCost = cost(output);
  if (inputCost === undefined) {
    if (outputCost !== undefined) notes.push(`${place(output)}: it has no price for the input beside it`);
    return { inputCost: null, outputCost: null };
  }
  if (outputCost === undefined && (params.has(output) || info.has(output))) {
    notes.push(`${place(input)}: the price for the output beside it cannot be read`);
    return { inputCost: null, outputCost: null };
  }
  return { inputCost, outputCost: outputCost ?? 0 };
}

/** Why an entry cannot be carried over at all; undefined when it can. */
function obstacle(alias: string | undefined, model: string): string | undefined {
  if (alias === undefined || model === '') return ': needs model_name and litellm_params.model';
  if (alias.includes('*') || model.includes('*')) return `: the wildcard "${alias}"; list the models one by one`;
  return undefined;
}

/** Reads one entry; null, with a note, when it cannot be carried over. */
export function readDeployment(value: unknown, path: string, notes: string[]): Deployment | null {
  const entry = new Section(path, value);
  const alias = entry.word('model_name') ?? '';
  const params = entry.section('litellm_params');
  const info = entry.section('model_info');
  const { vendor, model } = split(params);
  const cause = obstacle(alias === '' ? undefined : alias, model);
  if (cause !== undefined) {
    notes.push(path + cause);
    return null;
  }
  if (alias.includes('/')) notes.push(`${path}.model_name "${alias}": clients ask for "${aliasName(alias)}" now`);
  const place = placeOf(vendor, addressOf(params));
  if (typeof place === 'string') {
    notes.push(`${path} (${alias}): ${place}`);
    return null;
  }
  const deployment = {
    alias: aliasName(alias),
    vendor,
    type: place.type,
    model,
    apiKey: keyOf(params, place.key, notes),
    baseUrl: place.baseUrl,
    weight: params.amount('weight') ?? null,
    ...pricesOf(params, info, notes),
  };
  for (const name of [params, info, entry].flatMap((section) => section.rest())) notes.push(`${name} (${alias})`);
  return deployment;
}
