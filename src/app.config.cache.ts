import { askableNames } from './app.config.models';
import { isProviderType } from './app.config.providers';
import type { CheckedSections } from './app.config.sections';
import { suggestion } from './platform/config/nearest-name';
import type { ConfigContext, Finding } from './platform/config/root-config';
import { modelFolderFault } from './semantic-cache/encoder/model-folder/model-folder';

/** What is wrong with the cache beside other sections: thresholds, who makes vectors, and who judges. */
export function cacheFindings(config: CheckedSections, context: ConfigContext): Finding[] {
  const isReadable = !context.isBroken(['providers']);
  return [
    ...cacheModelFindings(config),
    ...(isReadable ? embeddingsFindings(config) : []),
    ...localModelFindings(config),
    ...(context.isBroken(['redis']) ? [] : indexFindings(config)),
    ...(isReadable && !context.isBroken(['models']) ? judgeFindings(config) : []),
  ];
}

/** A model may be cached more strictly than all, never more loosely than the threshold that was set for all. */
function cacheModelFindings({ cache }: CheckedSections): Finding[] {
  return Object.entries(cache.models.entries).flatMap(([name, { similarity_threshold: own }]): Finding[] => {
    if (own === undefined || own >= cache.similarity_threshold) return [];
    const message = `${own} is below cache.similarity_threshold, ${cache.similarity_threshold}, which is the floor; raise it, or lower that one`;
    return [{ path: ['cache', 'models', name, 'similarity_threshold'], message }];
  });
}

function embeddingsFindings(config: CheckedSections): Finding[] {
  const { provider, model } = config.cache.embeddings;
  if (provider === 'local' || provider === undefined) return [];
  const known = ['local', ...Object.keys(config.providers.entries)];
  const chosen = config.providers.entries[provider];
  if (!chosen)
    return [
      {
        path: ['cache', 'embeddings', 'provider'],
        message: `no provider is named "${provider}"${suggestion(provider, known)}; configured: ${known.join(', ')}`,
      },
    ];
  if (model === undefined && chosen.type !== 'openai' && isProviderType(chosen.type))
    return [
      {
        path: ['cache', 'embeddings', 'model'],
        message: `is required with provider "${provider}"; name its embeddings model`,
      },
    ];
  return [];
}

/** Whether that Redis has the commands is seen only when it is asked. */
function indexFindings({ cache: { index }, redis }: CheckedSections): Finding[] {
  const found = (message: string): Finding[] => [{ path: ['cache', 'index'], message }];
  if (index !== 'redis-vectors' && index !== 'redisearch') return [];
  if (redis.url === undefined) return found('needs a Redis; set redis.url or REDIS_URL, or choose "memory"');
  // FT.SEARCH has no key by which the node is found that has the index.
  if (index === 'redisearch' && redis.cluster)
    return found('needs a Redis that is no cluster; choose "redis-vectors" or "memory"');
  if (index === 'redisearch' && namesDatabase(redis.url))
    return found('needs database 0 of a Redis, which its query engine is bound to; leave the number out of redis.url');
  return [];
}

/** Whether the address says another database than 0. One that is no address is found by its own section. */
function namesDatabase(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { pathname, searchParams } = new URL(url);
  return Number(pathname.slice(1) || searchParams.get('db')) !== 0;
}

/** A model on this machine; whether it can be loaded is seen only when it is. */
function localModelFindings({ cache: { embeddings } }: CheckedSections): Finding[] {
  const { provider, path: folder, prefix } = embeddings;
  const at = (field: string, message: string): Finding[] => [{ path: ['cache', 'embeddings', field], message }];
  if (folder === undefined)
    return prefix === undefined ? [] : at('prefix', 'is for a model of yours; set path, or leave it out');
  if (provider !== 'local') return at('path', `is for provider "local"; leave it out, or "${provider}"`);
  const fault = modelFolderFault(folder);
  return fault === null ? [] : at('path', fault);
}

/** Nobody is asked without a bound on what it costs, and a bound without a model would bound nothing. */
function judgeFindings(config: CheckedSections): Finding[] {
  const { model, budget_usd_per_day: budget } = config.cache.judge;
  const path = ['cache', 'judge'];
  if (model === undefined) {
    if (budget === undefined) return [];
    return [
      { path: [...path, 'model'], message: 'is required with budget_usd_per_day; name a model clients may ask for' },
    ];
  }
  const names = askableNames(config);
  if (!names.has(model)) {
    const message = `no provider or alias has a model "${model}"${suggestion(model, [...names])}; write a name that clients ask for`;
    return [{ path: [...path, 'model'], message }];
  }
  if (budget !== undefined) return [];
  return [{ path: [...path, 'budget_usd_per_day'], message: 'is required with a model; write for example 1' }];
}
