import type { CheckedSections } from './app.config.sections';
import { suggestion } from './platform/config/nearest-name';
import type { Path } from './platform/config/path';
import type { ConfigContext, Finding } from './platform/config/root-config';
import type { ModelAliasConfig, ModelTargetConfig } from './providers/models.config';

/** What is wrong with model aliases: their names, where they lead, and what they fall back to. */
export function modelFindings(config: CheckedSections, context: ConfigContext): Finding[] {
  const listed = new Set(Object.values(config.providers.entries).flatMap((provider) => provider.models));
  const aliases = config.models.entries;
  const found: Finding[] = [];
  for (const [name, alias] of Object.entries(aliases)) {
    found.push(...nameFindings(name, config, listed));
    found.push(...targetFindings(name, alias, config, context));
    found.push(...fallbackFindings(name, alias, config, listed));
  }
  return [...found, ...cycleFindings(aliases)];
}

/** Every name that clients may ask for. */
export const askableNames = ({ models, providers }: CheckedSections): Set<string> =>
  new Set([
    ...Object.keys(models.entries),
    ...Object.entries(providers.entries).flatMap(([provider, { models: listed }]) =>
      listed.flatMap((model) => [model, `${provider}/${model}`]),
    ),
  ]);

/** Limits of a model that nobody can ask for would never apply. */
export function limitedModelFindings(config: CheckedSections): Finding[] {
  const known = askableNames(config);
  return Object.keys(config.rate_limits.models)
    .filter((name) => !known.has(name))
    .map((name) => ({
      path: ['rate_limits', 'models', name],
      message: `no provider or alias has a model "${name}"${suggestion(name, [...known])}; write a name that clients ask for`,
    }));
}

function nameFindings(name: string, config: CheckedSections, listed: ReadonlySet<string>): Finding[] {
  const path = ['models', name];
  const slash = name.indexOf('/');
  if (slash > 0 && config.providers.entries[name.slice(0, slash)])
    return [
      { path, message: 'reads like a provider and its model; choose a name that does not begin with a provider' },
    ];
  const owner = Object.entries(config.providers.entries).find(([, provider]) => provider.models.includes(name))?.[0];
  return listed.has(name)
    ? [{ path, message: `is already a model of provider "${owner}"; choose another name for the alias` }]
    : [];
}

function targetFindings(
  name: string,
  alias: ModelAliasConfig,
  config: CheckedSections,
  context: ConfigContext,
): Finding[] {
  const path = ['models', name, 'targets'];
  const places = alias.targets.map(({ provider, model }) => `${provider}/${model}`);
  const found = alias.targets.flatMap((target, index): Finding[] => {
    if (places.indexOf(places[index] ?? '') < index)
      return [{ path: [...path, index], message: `repeats the target ${places[index]}; remove one` }];
    return targetFinding(target, [...path, index], config, context);
  });
  const isWeightless = alias.targets.length > 0 && alias.targets.every((target) => target.weight === 0);
  if (alias.strategy === 'weighted' && isWeightless)
    found.push({ path, message: 'all have the weight 0; give one of them more' });
  return found;
}

function targetFinding(
  target: ModelTargetConfig,
  path: Path,
  config: CheckedSections,
  context: ConfigContext,
): Finding[] {
  if (target.provider === undefined || target.model === undefined) return [];
  const provider = config.providers.entries[target.provider];
  if (!provider) {
    const known = Object.keys(config.providers.entries);
    const near = suggestion(target.provider, known);
    const message = `no provider is named "${target.provider}"${near}; configured: ${known.join(', ')}`;
    return [{ path: [...path, 'provider'], message }];
  }
  const isUnsure = provider.models.length === 0 || context.isBroken(['providers', target.provider, 'models']);
  if (isUnsure || provider.models.includes(target.model)) return [];
  const near = suggestion(target.model, provider.models);
  const message = `provider "${target.provider}" does not list "${target.model}"${near}; add it to providers.${target.provider}.models`;
  return [{ path: [...path, 'model'], message }];
}

function fallbackFindings(
  name: string,
  alias: ModelAliasConfig,
  config: CheckedSections,
  listed: ReadonlySet<string>,
): Finding[] {
  const known = [...Object.keys(config.models.entries), ...listed];
  return (alias.fallbacks ?? []).flatMap((fallback, index): Finding[] => {
    if (known.includes(fallback) || isExactTarget(fallback, config)) return [];
    const path = ['models', name, 'fallbacks', index];
    return [{ path, message: `no model is named "${fallback}"${suggestion(fallback, known)}` }];
  });
}

function isExactTarget(name: string, config: CheckedSections): boolean {
  const slash = name.indexOf('/');
  return slash > 0 && Boolean(config.providers.entries[name.slice(0, slash)]?.models.includes(name.slice(slash + 1)));
}

/** Each cycle once, at the alias that comes first in it. */
export function cycleFindings(aliases: Readonly<Record<string, ModelAliasConfig>>): Finding[] {
  const finished = new Set<string>();
  const found: Finding[] = [];
  const follow = (name: string, trail: readonly string[]): void => {
    const start = trail.indexOf(name);
    if (start >= 0) {
      const cycle = [...trail.slice(start), name].join(' → ');
      found.push({
        path: ['models', name, 'fallbacks'],
        message: `lead back to "${name}" (${cycle}); remove one of these steps`,
      });
      return;
    }
    if (finished.has(name)) return;
    for (const next of aliases[name]?.fallbacks ?? []) if (aliases[next]) follow(next, [...trail, name]);
    finished.add(name);
  };
  for (const name of Object.keys(aliases)) follow(name, []);
  return found;
}
