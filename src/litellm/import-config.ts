import { parse, stringify } from 'yaml';
import { aliasName, readDeployment, type Deployment } from './deployment';
import { listOf, objectOf, Section, wordOf, type Json } from './section';

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
  const file = new Section('', parse(text));
  const entries = file.list('model_list');
  if (entries.length === 0) throw new Error('it has no model_list');
  const notes: string[] = [];
  const deployments = entries.flatMap((entry, index) => {
    const read = readDeployment(entry, `model_list[${index}]`, notes);
    return read ? [read] : [];
  });
  if (deployments.length === 0) throw new Error(`none of its models can be carried over (${notes.join('; ')})`);
  const { providers, nameOf } = providersOf(deployments);
  const router = file.section('router_settings');
  const litellm = file.section('litellm_settings');
  const models = aliasesOf(deployments, nameOf, strategyOf(router, notes));
  addAliases(models, router.section('model_group_alias'), notes);
  addFallbacks(
    models,
    [litellm, router].flatMap((section) => section.list('fallbacks')),
    notes,
  );
  dropOwnNames(models, providers, notes);
  const retries = retriesOf(router.has('num_retries') ? router : litellm, notes);
  const document = {
    providers,
    ...(Object.keys(models).length > 0 ? { models } : {}),
    routing: { fallback: 'explicit', ...(retries === undefined ? {} : { retries }) },
    ...pricingOf(deployments, nameOf, notes),
  };
  const sections = [router, litellm, file.section('general_settings'), file];
  notes.push(...sections.flatMap((section) => section.rest()));
  return { yaml: stringify(document, { lineWidth: 0 }), notes };
}

/** The most retries `routing.retries` takes. */
const MOST_RETRIES = 10;

function retriesOf(section: Section, notes: string[]): number | undefined {
  const asked = section.amount('num_retries');
  if (asked === undefined) return undefined;
  const written = Math.min(Math.floor(asked), MOST_RETRIES);
  if (written !== asked) notes.push(`${section.path}.num_retries ${asked}: ${written} is written instead`);
  return written;
}

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

function strategyOf(router: Section, notes: string[]): string {
  const asked = router.word('routing_strategy') ?? 'simple-shuffle';
  const known = STRATEGIES[asked];
  if (known === undefined) notes.push(`router_settings.routing_strategy "${asked}": weighted is used instead`);
  return known ?? 'weighted';
}

function addAliases(models: Record<string, AliasEntry>, given: Section, notes: string[]): void {
  for (const [name, value] of given.entries()) {
    const target = typeof value === 'string' ? value : objectOf(value)['model'];
    const entry = models[aliasName(wordOf(target))];
    const path = `${given.path}.${name}`;
    if (models[aliasName(name)]) notes.push(`${path}: model_list has a model of that name`);
    else if (entry) models[aliasName(name)] = { ...entry, targets: [...entry.targets] };
    else notes.push(`${path}: "${wordOf(target)}" was not carried over`);
    const others = Object.keys(objectOf(value)).filter((member) => member !== 'model');
    notes.push(...others.map((member) => `${path}.${member}`));
  }
}

function addFallbacks(models: Record<string, AliasEntry>, given: readonly unknown[], notes: string[]): void {
  const unread = given.filter((item) => Object.keys(objectOf(item)).length === 0);
  for (const item of unread) notes.push(`fallbacks: ${JSON.stringify(item)} is no list of models by name`);
  for (const [from, to] of given.flatMap((item) => Object.entries(objectOf(item)))) {
    if (!Array.isArray(to)) notes.push(`fallbacks.${from}: it is no list of models`);
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

function pricingOf(
  deployments: readonly Deployment[],
  nameOf: (deployment: Deployment) => string,
  notes: string[],
): Json {
  const overrides: Record<string, Json> = {};
  for (const deployment of deployments) {
    const { inputCost, outputCost, model } = deployment;
    if (inputCost === null || outputCost === null) continue;
    const name = `${nameOf(deployment)}/${model}`;
    const price = { input: perMillion(inputCost), output: perMillion(outputCost) };
    const former = overrides[name];
    if (former && (former['input'] !== price.input || former['output'] !== price.output))
      notes.push(`the price of ${name} is given twice: the last one is written`);
    overrides[name] = price;
  }
  return Object.keys(overrides).length > 0 ? { pricing: { overrides } } : {};
}

/** A plain decimal, without the noise of binary fractions. */
const perMillion = (perToken: number): string =>
  Number((perToken * MILLION).toPrecision(12))
    .toFixed(9)
    .replace(/\.?0+$/, '');
