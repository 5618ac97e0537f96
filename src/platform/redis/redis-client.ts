import { Cluster, Redis, type RedisOptions } from 'ioredis';

/** A connection to one Redis, or to the nodes of a Redis Cluster. */
export type RedisClient = Redis | Cluster;

export interface RedisAddress {
  /** `redis://` or `rediss://`. In a cluster one of its nodes; it tells of the others. */
  readonly url: string;
  readonly isCluster: boolean;
}

/** `options` are those of each connection; what is asked for while there is none fails at once. */
export function redisClient({ url, isCluster }: RedisAddress, options: RedisOptions): RedisClient {
  if (!isCluster) return new Redis(url, { ...options, enableOfflineQueue: false });
  const { hostname, port, username, password, protocol } = new URL(url);
  // The retry strategy of a node's connection does not exist: the cluster connects again as a whole.
  const { retryStrategy, ...ofNode } = options;
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Cluster([{ host, port: port === '' ? 6379 : Number(port) }], {
    enableOfflineQueue: false,
    ...(retryStrategy ? { clusterRetryStrategy: retryStrategy } : {}),
    slotsRefreshTimeout: 1_000,
    // Who sends a command again after a failover waits longer than a request may.
    retryDelayOnFailover: 50,
    retryDelayOnClusterDown: 50,
    redisOptions: {
      ...ofNode,
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' ? { tls: { servername: host } } : {}),
    },
  });
}

/** Another connection to the same place, for commands that block; these wait for it to be there. */
export function redisDuplicate(client: RedisClient, options: RedisOptions): RedisClient {
  if (client instanceof Redis) return client.duplicate({ ...options, enableOfflineQueue: true });
  return client.duplicate([], {
    enableOfflineQueue: true,
    redisOptions: { ...client.options.redisOptions, ...options },
  });
}
