import { calcPrice } from '@pydantic/genai-prices';
import type { CheckedSections } from './app.config.sections';
import { BUDGET_SCOPES, type BudgetConfig } from './billing/budgets.config';
import { whyNoLadder } from './billing/budgets/budget-terms';
import { SCOPE_ID_PREFIXES } from './core/ids';
import { suggestion } from './platform/config/nearest-name';
import type { ConfigContext, Finding } from './platform/config/root-config';

/** A model of a configured provider, as a price is looked up. */
export interface PricedName {
  readonly provider: string;
  readonly providerType: string;
  readonly model: string;
}

/** Tells whether the price list that ships knows a model; `pricing.overrides` is looked at before. */
export type KnowsPrice = (target: PricedName) => boolean;

/** What is wrong with declared budgets. */
export function budgetFindings(
  config: CheckedSections,
  context: ConfigContext,
  knowsPrice: KnowsPrice = isListed,
): Finding[] {
  const unpriced = config.pricing.unknown === 'block' ? unpricedTargets(config, knowsPrice) : () => [];
  return Object.entries(config.budgets.entries).flatMap(([name, budget]) => [
    ...scopeFindings(name, budget),
    ...overlapFindings(name, budget, config),
    ...degradeFindings(name, budget, config, context),
    ...(budget.hard && !context.isBroken(['providers']) ? priceFindings(name, budget, config, unpriced()) : []),
  ]);
}

/** An id of another kind would be a budget that nobody's calls ever count for. A scope that there is not is told elsewhere. */
function scopeFindings(name: string, { scope, scope_id: scopeId }: BudgetConfig): Finding[] {
  const path = ['budgets', name, 'scope_id'];
  if (scope === 'organization')
    return scopeId === undefined ? [] : [{ path, message: 'has no meaning with scope organization; remove it' }];
  if (!BUDGET_SCOPES.includes(scope)) return [];
  if (scopeId === undefined)
    return [{ path, message: `is required with scope ${scope}; write the id of the ${scope}` }];
  const prefix = SCOPE_ID_PREFIXES[scope];
  if (new RegExp(`^${prefix}_[0-9a-z]{26}$`).test(scopeId)) return [];
  return [{ path, message: `"${scopeId}" is not the id of a ${scope}; write one such as ${prefix}_…` }];
}

/** Two that count the same calls by the same period to the same end: the smaller decides, and the other is a trap. */
function overlapFindings(name: string, budget: BudgetConfig, config: CheckedSections): Finding[] {
  const entries = Object.entries(config.budgets.entries);
  const earlier = entries.slice(
    0,
    entries.findIndex(([other]) => other === name),
  );
  const same = earlier.find(([, other]) => coverageOf(other) === coverageOf(budget));
  if (!same) return [];
  const message = `overlaps that of budgets.${same[0]}, which counts the same calls by the same period; remove one of them`;
  return [{ path: ['budgets', name, 'period'], message }];
}

const coverageOf = ({ scope, scope_id: scopeId, period, hard, models }: BudgetConfig): string =>
  JSON.stringify([scope, scopeId ?? null, period, hard, models ? [...models].sort() : null]);

/** Steps must come in their order, and lead to a model that is there. */
function degradeFindings(
  name: string,
  { degrade }: BudgetConfig,
  config: CheckedSections,
  context: ConfigContext,
): Finding[] {
  if (!degrade) return [];
  const path = ['budgets', name, 'degrade'];
  const wrong = whyNoLadder(degrade);
  if (wrong) return [{ path: [...path, wrong.field], message: wrong.message }];
  const { cheaper_model: model } = degrade;
  if (model === undefined || context.isBroken(['providers'])) return [];
  const known = [
    ...Object.keys(config.models.entries),
    ...Object.entries(config.providers.entries).flatMap(([provider, { models }]) =>
      models.flatMap((listed) => [listed, `${provider}/${listed}`]),
    ),
  ];
  if (known.includes(model)) return [];
  return [{ path: [...path, 'cheaper_model'], message: `no model is named "${model}"${suggestion(model, known)}` }];
}

function priceFindings(
  name: string,
  budget: BudgetConfig,
  config: CheckedSections,
  unpriced: readonly PricedName[],
): Finding[] {
  const wanted = budget.models && reachable(budget.models, config);
  return unpriced
    .filter(({ provider, model }) => !wanted || wanted.has(model) || wanted.has(`${provider}/${model}`))
    .map(({ provider, model }) => ({
      path: ['budgets', name],
      message: `is hard, but no price is known for "${provider}/${model}"; add it to pricing.overrides, or set pricing.unknown to estimate or free, or hard: false`,
    }));
}

/** The models a budget names, and those that the aliases among them lead to. */
function reachable(models: readonly string[], config: CheckedSections): ReadonlySet<string> {
  const targets = models.flatMap((model) => config.models.entries[model]?.targets ?? []);
  return new Set([...models, ...targets.map(({ provider, model }) => `${provider}/${model}`)]);
}

/** Looked for when a hard budget asks, once: the price list is long. */
function unpricedTargets(config: CheckedSections, knowsPrice: KnowsPrice): () => readonly PricedName[] {
  let known: readonly PricedName[] | undefined;
  return () => (known ??= findUnpriced(config, knowsPrice));
}

function findUnpriced(config: CheckedSections, knowsPrice: KnowsPrice): PricedName[] {
  const { overrides } = config.pricing;
  return Object.entries(config.providers.entries).flatMap(([provider, { type, models }]) =>
    models
      .filter((model) => !overrides[model] && !overrides[`${provider}/${model}`])
      .map((model) => ({ provider, providerType: type, model }))
      .filter((target) => target.providerType !== undefined && !knowsPrice(target)),
  );
}

/** As the price book looks models up: by vendor where the type says which, else by the entry's name, then by the model's. */
function isListed({ provider, providerType, model }: PricedName): boolean {
  const isVendor = providerType === 'openai' || providerType === 'anthropic';
  const vendors = isVendor ? [providerType] : [provider, 'openai', 'anthropic', undefined];
  return vendors.some((vendor) => calcPrice({}, model, vendor === undefined ? {} : { providerId: vendor }) !== null);
}
