import { hkdfSync, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Injectable } from '@nestjs/common';
import { ConfigurationError } from '../config/configuration-error';
import { Environment } from '../config/environment';
import { DatabaseInfo } from '../database/database-info';

const SUBKEY_BYTES = 32;
const GENERATED_BYTES = 32;

/**
 * The gateway's own secret and the keys derived from it. It comes from `GATEWAY_SECRET`; with the embedded database it is
 * made on the first start and kept, mode 0600, in the data directory. Replicas that share a database must share it.
 */
@Injectable()
export class Secrets {
  /** Keys the HMAC under which API keys are stored. */
  readonly apiKeyPepper: Buffer;
  /** Keys the encryption of secrets that the gateway must be able to read again. */
  readonly sealingKey: Buffer;
  /** What the keys for prompts and answers are derived from. */
  readonly transcriptKey: Buffer;

  constructor(environment: Environment, database: DatabaseInfo) {
    const secret = environment.secret ?? storedSecret(environment.dataDir, database);
    this.apiKeyPepper = derive(secret, 'api key pepper v1');
    this.sealingKey = derive(secret, 'sealed secrets v1');
    this.transcriptKey = derive(secret, 'transcripts v1');
  }
}

/** Different purposes get unrelated keys, so that none can be used in place of another. */
function derive(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'ai-gateway', purpose, SUBKEY_BYTES));
}

function storedSecret(dataDirectory: string, database: DatabaseInfo): string {
  if (database.kind === 'external') {
    throw new ConfigurationError([
      'environment GATEWAY_SECRET: is required with a database of your own; set at least 32 random characters (openssl rand -base64 32), the same for every replica',
    ]);
  }
  const file = path.join(dataDirectory, 'secret');
  fs.mkdirSync(dataDirectory, { recursive: true, mode: 0o711 });
  try {
    fs.writeFileSync(file, `${randomBytes(GENERATED_BYTES).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const secret = fs.readFileSync(file, 'utf8').trim();
  if (secret.length >= 32) return secret;
  throw new ConfigurationError([
    `${file}: is damaged; restore it from a backup (keys made with it are void without it), or remove it to make a new one`,
  ]);
}
