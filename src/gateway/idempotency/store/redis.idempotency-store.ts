import { createHash } from 'node:crypto';
import type { RedisClient } from '../../../platform/redis/redis-client';
import { IdempotencyStore, type Claim, type Known } from './idempotency.store';

/**
 * A key is one hash: `o` the request that owns it, `f` the fingerprint of the body, `s` the state, `l` until when
 * the owner is taken for alive (by the clock of Redis, which all replicas share), `a` the answer.
 */
const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;
const CLAIM_SCRIPT = `${NOW}
local known = redis.call('HMGET', KEYS[1], 'o', 'f', 's', 'l', 'a')
if known[1] then
  return { known[1], known[2], known[3], tonumber(known[4]) > now and '1' or '0', known[5] }
end
redis.call('HSET', KEYS[1], 'o', ARGV[1], 'f', ARGV[2], 's', 'running', 'l', now + ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return false
`;
const HELD = `
local held = redis.call('HMGET', KEYS[1], 'o', 's')
if held[1] ~= ARGV[1] or held[2] ~= 'running' then return 0 end
`;
const RENEW_SCRIPT = `${HELD}${NOW}
redis.call('HSET', KEYS[1], 'l', now + ARGV[2])
return 1
`;
const FINISH_SCRIPT = `${HELD}
redis.call('HSET', KEYS[1], 's', ARGV[3])
if ARGV[3] == 'done' then redis.call('HSET', KEYS[1], 'a', ARGV[4]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`;
const RELEASE_SCRIPT = `${HELD}
return redis.call('DEL', KEYS[1])
`;

interface Script {
  readonly text: string;
  readonly sha: string;
}

const script = (text: string): Script => ({ text, sha: createHash('sha1').update(text).digest('hex') });
const CLAIM = script(CLAIM_SCRIPT);
const RENEW = script(RENEW_SCRIPT);
const FINISH = script(FINISH_SCRIPT);
const RELEASE = script(RELEASE_SCRIPT);

/** The keys of all replicas. Each stands alone, so a cluster spreads them; each leaves by its own expiry. */
export class RedisIdempotencyStore extends IdempotencyStore {
  constructor(
    private readonly client: RedisClient,
    private readonly prefix = 'gateway:idempotency:',
  ) {
    super();
  }

  override async claim(id: string, claim: Claim): Promise<Known | null> {
    const { owner, fingerprint, leaseMs, ttlMs } = claim;
    const known = (await this.run(CLAIM, id, owner, fingerprint, leaseMs, ttlMs)) as Buffer[] | null;
    if (known === null) return null;
    const [first, body, state, alive, answer] = known;
    return {
      owner: String(first),
      fingerprint: String(body),
      state: String(state) as Known['state'],
      isAlive: String(state) === 'running' && String(alive) === '1',
      answer: answer ?? null,
    };
  }

  override async renew(id: string, owner: string, leaseMs: number): Promise<boolean> {
    return (await this.run(RENEW, id, owner, leaseMs)) === 1;
  }

  override async finish(id: string, owner: string, answer: Buffer | null, ttlMs: number): Promise<boolean> {
    const state = answer === null ? 'spent' : 'done';
    return (await this.run(FINISH, id, owner, ttlMs, state, answer ?? '')) === 1;
  }

  override async release(id: string, owner: string): Promise<boolean> {
    return (await this.run(RELEASE, id, owner)) === 1;
  }

  private async run({ text, sha }: Script, id: string, ...values: (string | number | Buffer)[]): Promise<unknown> {
    const parts = [1, this.prefix + id, ...values];
    try {
      return await this.client.callBuffer('EVALSHA', sha, ...parts);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return this.client.callBuffer('EVAL', text, ...parts);
    }
  }
}
