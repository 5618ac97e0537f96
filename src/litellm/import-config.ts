import { parse, stringify } from 'yaml';
import { aliasName, listOf, objectOf, readDeployment, wordOf, type Deployment, type Json } from './deployment';

export interface ImportedConfig {
  readonly yaml: string;
  /** What could not be carried over, one line each, with its path in the file. */
  readonly notes: readonly string[];
}

interface ProviderEntry {
  readonly type: Deployment['type'];
  readonly api_key?: string;
  readonly base_url?: string;
  readonly allow_private_network?: true;
  readonly models: string[];
}

interface AliasEntry {
  strategy?: string;
  readonly targets: { readonly provider: string; readonly model: string; readonly weight?: number }[];
  fallbacks?: string[];
}

const STRATEGIES: Readonly<Record<string, string>> = {
  'simple-shuffle': 'weighted',
  'weighted-pick': 'weighted',
  'least-busy': 'least_busy',
  'latency-based-routing': 'least_latency',
  'cost-based-routing': 'lowest_cost',
};

const isPrivate = (address: string): boolean =>
  /^http:|\/\/(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[::1\])|\.(local|internal)([:/]|$)/.test(
    address,
  );

/** A LiteLLM proxy's `config.yaml` as a gateway configuration. Throws when the file is no YAML or has no `model_list`. */
export function importLiteLlm(text: string): ImportedConfig {
  const file = objectOf(parse(text));
  if (listOf(file['model_list']).length === 0) throw new Error('it has no model_list');
  const notes: string[] = [];
  const deployments = listOf(file['model_list']).flatMap((entry, index) => {
    const read = readDeployment(entry, `model_list[${index}]`, notes);
    return read ? [read] : [];
  });
  if (deployments.length === 0) throw new Error(`none of its models can be carried over (${notes.join('; ')})`);
  const { providers, nameOf } = providersOf(deployments);
  const router = objectOf(file['router_settings']);
  const litellm = objectOf(file['litellm_settings']);
  const models = aliasesOf(deployments, nameOf, strategyOf(router, notes));
  addAliases(models, router['model_group_alias'], notes);
  addFallbacks(models, [...listOf(litellm['fallbacks']), ...listOf(router['fallbacks'])], notes);
  dropOwnNames(models, providers, notes);
  const retries = router['num_retries'] ?? litellm['num_retries'];
  const document = {
    providers,
    ...(Object.keys(models).length > 0 ? { models } : {}),
    routing: { fallback: 'explicit', ...(isRetryCount(retries) ? { retries } : {}) },
    ...pricingOf(deployments, nameOf),
  };
  noteRest(file, router, litellm, notes);
  return { yaml: stringify(document, { lineWidth: 0 }), notes };
}

const isRetryCount = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 10;

/** Deployments with the same address and key are one provider. */
function providersOf(deployments: readonly Deployment[]): {
  readonly providers: Readonly<Record<string, ProviderEntry>>;
  readonly nameOf: (deployment: Deployment) => string;
} {
  const providers: Record<string, ProviderEntry> = {};
  const names = new Map<string, string>();
  const accountOf = ({ vendor, type, apiKey, baseUrl }: Deployment): string =>
    JSON.stringify([vendor, type, apiKey, baseUrl]);
  for (const deployment of deployments) {
    const account = accountOf(deployment);
    const name = names.get(account) ?? freeName(deployment.vendor, providers);
    names.set(account, name);
    providers[name] ??= providerEntry(deployment);
    if (!providers[name].models.includes(deployment.model)) providers[name].models.push(deployment.model);
  }
  return { providers, nameOf: (deployment) => names.get(accountOf(deployment)) ?? deployment.vendor };
}

const providerEntry = ({ type, apiKey, baseUrl }: Deployment): ProviderEntry => ({
  type,
  ...(apiKey === null ? {} : { api_key: apiKey }),
  ...(baseUrl === null ? {} : { base_url: baseUrl }),
  ...(baseUrl !== null && isPrivate(baseUrl) ? { allow_private_network: true as const } : {}),
  models: [],
});

function freeName(vendor: string, taken: Readonly<Record<string, unknown>>): string {
  let name = vendor.replaceAll('_', '-');
  for (let number = 2; taken[name] !== undefined; number += 1) name = `${vendor.replaceAll('_', '-')}-${number}`;
  return name;
}

/** Every name that clients ask for, with the deployments behind it. */
function aliasesOf(
  deployments: readonly Deployment[],
  nameOf: (deployment: Deployment) => string,
  strategy: string,
): Record<string, AliasEntry> {
  const models: Record<string, AliasEntry> = {};
  for (const deployment of deployments) {
    const { alias } = deployment;
    models[alias] ??= { targets: [] };
    const { weight } = deployment;
    const target = { provider: nameOf(deployment), model: deployment.model };
    models[alias].targets.push(weight === null ? target : { ...target, weight });
  }
  for (const entry of Object.values(models)) if (entry.targets.length > 1) entry.strategy = strategy;
  return models;
}

function strategyOf(router: Json, notes: string[]): string {
  const asked = wordOf(router['routing_strategy']) || 'simple-shuffle';
  const known = STRATEGIES[asked];
  if (known === undefined) notes.push(`router_settings.routing_strategy "${asked}": weighted is used instead`);
  return known ?? 'weighted';
}

function addAliases(models: Record<string, AliasEntry>, given: unknown, notes: string[]): void {
  for (const [name, value] of Object.entries(objectOf(given))) {
    const target = typeof value === 'string' ? value : objectOf(value)['model'];
    const entry = models[aliasName(wordOf(target))];
    if (entry) models[aliasName(name)] ??= { ...entry, targets: [...entry.targets] };
    else notes.push(`router_settings.model_group_alias.${name}: "${wordOf(target)}" was not carried over`);
  }
}

function addFallbacks(models: Record<string, AliasEntry>, given: readonly unknown[], notes: string[]): void {
  for (const [from, to] of given.flatMap((item) => Object.entries(objectOf(item)))) {
    const entry = models[aliasName(from)];
    const wanted = listOf(to).map((name) => aliasName(wordOf(name)));
    const missing = entry ? wanted.filter((name) => !models[name]) : [from];
    for (const name of missing) notes.push(`fallbacks.${from}: "${name}" was not carried over`);
    const found = wanted.filter((name) => models[name] !== undefined && !leadsTo(models, name, aliasName(from)));
    if (entry && found.length > 0) entry.fallbacks = [...new Set([...(entry.fallbacks ?? []), ...found])];
    const cyclic = entry ? wanted.filter((name) => models[name] && !found.includes(name)) : [];
    for (const name of cyclic) notes.push(`fallbacks.${from}: "${name}" leads back to it`);
  }
}

function leadsTo(models: Readonly<Record<string, AliasEntry>>, from: string, to: string): boolean {
  return from === to || (models[from]?.fallbacks ?? []).some((next) => leadsTo(models, next, to));
}

/** What a provider lists under its own name is asked for by that name: the gateway has no alias beside it. */
function dropOwnNames(
  models: Record<string, AliasEntry>,
  providers: Readonly<Record<string, ProviderEntry>>,
  notes: string[],
): void {
  for (const [name, { targets, strategy, fallbacks }] of Object.entries(models)) {
    const owner = Object.entries(providers).find(([, entry]) => entry.models.includes(name))?.[0];
    if (owner === undefined) continue;
    delete models[name];
    const lost = [
      ...(targets.some(({ model }) => model !== name) ? ['its other deployments'] : []),
      ...(strategy === undefined ? [] : ['its strategy (providers go by priority)']),
      ...(fallbacks === undefined ? [] : [`its fallbacks (${fallbacks.join(', ')})`]),
    ];
    const cause = `"${name}" is a model of provider "${owner}", so no alias may have that name`;
    if (lost.length > 0) notes.push(`${cause}; left out: ${lost.join(', ')}. Choose another name to keep them`);
  }
}

const MILLION = 1_000_000;

function pricingOf(deployments: readonly Deployment[], nameOf: (deployment: Deployment) => string): Json {
  const overrides: Record<string, Json> = {};
  for (const deployment of deployments) {
    const { inputCost, outputCost, model } = deployment;
    if (inputCost === null || outputCost === null) continue;
    overrides[`${nameOf(deployment)}/${model}`] = { input: perMillion(inputCost), output: perMillion(outputCost) };
  }
  return Object.keys(overrides).length > 0 ? { pricing: { overrides } } : {};
}

/** A plain decimal, without the noise of binary fractions. */
const perMillion = (perToken: number): string =>
  Number((perToken * MILLION).toPrecision(12))
    .toFixed(9)
    .replace(/\.?0+$/, '');

const CARRIED = {
  router: ['routing_strategy', 'model_group_alias', 'fallbacks', 'num_retries'],
  litellm: ['fallbacks', 'num_retries'],
};

function noteRest(file: Json, router: Json, litellm: Json, notes: string[]): void {
  const rest = (section: Json, carried: readonly string[]): string[] =>
    Object.keys(section).filter((name) => !carried.includes(name));
  notes.push(...rest(router, CARRIED.router).map((name) => `router_settings.${name}`));
  notes.push(...rest(litellm, CARRIED.litellm).map((name) => `litellm_settings.${name}`));
  notes.push(...Object.keys(objectOf(file['general_settings'])).map((name) => `general_settings.${name}`));
  const sections = ['model_list', 'router_settings', 'litellm_settings', 'general_settings'];
  notes.push(...Object.keys(file).filter((name) => !sections.includes(name)));
}
