import { createHash } from 'node:crypto';
import { NO_USAGE } from '../../core/tokens';
import type { CacheEntry } from '../answers/cache-entry';

/** An id such as the fingerprint makes, the same for the same number; larger numbers do not sort after smaller ones. */
export const hex = (number: number): string => createHash('sha256').update(String(number)).digest('hex');

export const entryWith = (change: Partial<CacheEntry>): CacheEntry => ({
  id: hex(0),
  exact: hex(1),
  scope: 'team:one',
  partition: 'a partition',
  requestedModel: 'm',
  text: 'a question',
  answer: {
    dialect: 'openai',
    value: {
      id: 'x',
      choices: [{ index: 0, message: { role: 'assistant', content: 'answer' }, finish_reason: 'stop' }],
    },
    usage: { ...NO_USAGE, inputTokens: 3, outputTokens: 2 },
  },
  origin: { provider: 'p', model: 'm-1', fallback: false, costNanoUsd: 12n },
  createdAtMs: 0,
  expiresAtMs: 1,
  keptUntilMs: change.expiresAtMs ?? 1,
  ...change,
});
