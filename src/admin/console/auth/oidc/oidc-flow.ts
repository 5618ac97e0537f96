import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../../../platform/clock';
import { Secrets } from '../../../../platform/secrets/secrets';

/** Long enough to find a telephone for the second factor. */
export const FLOW_MS = 10 * 60_000;

/** What a sign-in that has begun must be ended with; only the browser that began it has it. */
export interface Flow {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUrl: string;
  /** Where to go in the console afterwards. */
  readonly next: string;
}

/** Keeps a flow in a cookie of the browser, signed and short-lived: replicas share nothing for it. */
@Injectable()
export class OidcFlows {
  private readonly key: Buffer;

  constructor(
    secrets: Secrets,
    private readonly clock: Clock,
  ) {
    this.key = Buffer.from(hkdfSync('sha256', secrets.apiKeyPepper, 'ai-gateway console', 'oidc v1', 32));
  }

  seal(flow: Flow): string {
    const text = Buffer.from(JSON.stringify({ ...flow, until: this.clock.now() + FLOW_MS })).toString('base64url');
    return `${text}.${this.macOf(text).toString('base64url')}`;
  }

  /** Null when it is not ours, or too old. */
  open(sealed: string | undefined): Flow | null {
    const [text = '', given = ''] = (sealed ?? '').split('.');
    const presented = Buffer.from(given, 'base64url');
    const expected = this.macOf(text);
    if (presented.length !== expected.length || !timingSafeEqual(presented, expected)) return null;
    const flow = JSON.parse(Buffer.from(text, 'base64url').toString()) as Flow & { until: number };
    return flow.until > this.clock.now() ? flow : null;
  }

  private macOf(text: string): Buffer {
    return createHmac('sha256', this.key).update(text).digest();
  }
}
