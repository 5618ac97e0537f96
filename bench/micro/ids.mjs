// An identifier that sorts by time, one per request and one per attempt.
import { randomUUID } from 'node:crypto';
import { built, compare } from './harness.mjs';

const { newId } = built('core/ids');

compare(
  'new id',
  (index) => newId('req', 1_760_000_000_000 + index),
  'crypto.randomUUID',
  () => randomUUID(),
);
