import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { GatewayContext } from '../core/context';
import { LiveConfig } from '../platform/config/live-config';
import { Secrets } from '../platform/secrets/secrets';
import { describe, type Asked } from './asked';
import { CacheConfig } from './cache.config';
import type { CacheControls } from './request-controls';

/** Requests as the cache sees them, under the configuration in force. */
@Injectable()
export class CacheQuestions {
  /** The key of fingerprints: replicas that share the gateway's secret share their answers. */
  private readonly key: Buffer;

  constructor(
    secrets: Secrets,
    private readonly live: LiveConfig,
  ) {
    this.key = createHmac('sha256', secrets.apiKeyPepper).update('cache fingerprint v2').digest();
  }

  get config(): CacheConfig {
    return this.live.section(CacheConfig);
  }

  describe(context: GatewayContext, controls: CacheControls): Asked {
    return describe(this.key, context, this.config, controls);
  }
}
