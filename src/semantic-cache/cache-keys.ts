import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Secrets } from '../platform/secrets/secrets';

/** The key under which requests are fingerprinted: replicas that share the gateway's secret share their answers. */
@Injectable()
export class CacheKeys {
  readonly fingerprint: Buffer;

  constructor(secrets: Secrets) {
    this.fingerprint = createHmac('sha256', secrets.apiKeyPepper).update('cache fingerprint v1').digest();
  }
}
