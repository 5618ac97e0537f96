import type { CheckedSections } from './app.config.sections';
import { isPrivateHost } from './app.config.addresses';
import { budgetFindings } from './app.config.budgets';
import { cacheFindings } from './app.config.cache';
import { limitedModelFindings, modelFindings } from './app.config.models';
import { suggestion } from './platform/config/nearest-name';
import type { ConfigContext, Finding } from './platform/config/root-config';
import { PROVIDER_TYPES, type ProviderConfig } from './providers/providers.config';

/** What is wrong across sections. Each kind of fault is found by a function of its own. */
export function findings(config: CheckedSections, context: ConfigContext): Finding[] {
  const isReadable = !context.isBroken(['providers']);
  return [
    ...environmentFindings(config, context),
    ...(context.isBroken(['redis']) ? [] : redisFindings(config)),
    ...Object.entries(config.providers.entries).flatMap(([name, provider]) => providerFindings(name, provider)),
    ...(isReadable ? modelFindings(config, context) : []),
    ...(isReadable && !context.isBroken(['models']) && !context.isBroken(['rate_limits'])
      ? limitedModelFindings(config)
      : []),
    ...cacheFindings(config, context),
    ...budgetFindings(config, context),
    ...signInFindings(config),
  ];
}

function signInFindings({ sign_in: { oidc } }: CheckedSections): Finding[] {
  if (oidc?.issuer === undefined || oidc.allow_insecure_issuer || !oidc.issuer.startsWith('http://')) return [];
  const message = 'is not encrypted; write https://, or set allow_insecure_issuer: true for a trial on this machine';
  return [{ path: ['sign_in', 'oidc', 'issuer'], message }];
}

function environmentFindings(config: CheckedSections, { environment, variables, isToServe }: ConfigContext): Finding[] {
  const found: Finding[] = [];
  if (environment.workers > 1 && config.redis.url === undefined)
    found.push({
      path: ['redis', 'url'],
      message: `is required because GATEWAY_WORKERS asks for ${environment.workers} processes; set it or REDIS_URL, or run one`,
    });
  if (isToServe && config.database.url !== undefined && variables['GATEWAY_SECRET'] === undefined)
    found.push({ path: ['database', 'url'], message: SECRET_REQUIRED });
  return found;
}

function redisFindings({ redis: { url, cluster } }: CheckedSections): Finding[] {
  if (!cluster) return [];
  if (url === undefined) {
    const message = 'has no address of a node; set redis.url or REDIS_URL, or leave it out';
    return [{ path: ['redis', 'cluster'], message }];
  }
  if (!URL.canParse(url) || ['', '/', '/0'].includes(new URL(url).pathname)) return [];
  const message = 'names a database, and a Redis Cluster has only number 0; leave the number out';
  return [{ path: ['redis', 'url'], message }];
}

const SECRET_REQUIRED =
  'needs the environment variable GATEWAY_SECRET as well, because keys in a database of your own must outlive this machine; set at least 32 random characters (openssl rand -base64 32), the same for every replica';

function providerFindings(name: string, provider: ProviderConfig): Finding[] {
  const path = ['providers', name];
  const found: Finding[] = [];
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    found.push({ path, message: 'is not a usable name; write letters, digits, ".", "_" and "-" only' });
  if (provider.type === undefined)
    found.push({
      path: [...path, 'type'],
      message: `is required because "${name}" is none of ${PROVIDER_TYPES.join(', ')}${suggestion(name, PROVIDER_TYPES)}; set it to one of them`,
    });
  const isBehindOwnAddress = provider.base_url !== undefined && provider.allow_private_network;
  if ((provider.type === 'openai' || provider.type === 'anthropic') && !provider.api_key && !isBehindOwnAddress)
    found.push({ path: [...path, 'api_key'], message: provider.api_key === '' ? EMPTY_VARIABLE : KEY_REQUIRED });
  if (provider.type === 'openai-compatible' && provider.base_url === undefined)
    found.push({ path: [...path, 'base_url'], message: 'is required; write for example https://api.example.com/v1' });
  return [...found, ...addressFindings(path, provider)];
}

const KEY_REQUIRED = 'is required; write for example ${OPENAI_API_KEY}';
const EMPTY_VARIABLE = 'the environment variable that holds it is empty; set it or unset it';

function addressFindings(
  path: readonly string[],
  { base_url: address, allow_private_network }: ProviderConfig,
): Finding[] {
  if (address === undefined || allow_private_network || !URL.canParse(address)) return [];
  const url = new URL(address);
  const mend = 'set allow_private_network: true if that is meant';
  if (url.protocol === 'http:')
    return [
      { path: [...path, 'base_url'], message: `sends the key unencrypted over http://; write https://, or ${mend}` },
    ];
  return isPrivateHost(url)
    ? [{ path: [...path, 'base_url'], message: `leads to a private or loopback address (${url.hostname}); ${mend}` }]
    : [];
}
