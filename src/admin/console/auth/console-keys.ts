import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Secrets } from '../../../platform/secrets/secrets';

/** Keys of the console, one for each purpose, derived from the gateway's secret: replicas share them, nothing is stored. */
@Injectable()
export class ConsoleKeys {
  readonly session: string;
  readonly csrf: string;
  private readonly device: Buffer;

  constructor(secrets: Secrets) {
    const derive = (purpose: string): Buffer =>
      Buffer.from(hkdfSync('sha256', secrets.apiKeyPepper, 'ai-gateway console', purpose, 32));
    this.session = derive('session v1').toString('base64url');
    this.csrf = derive('csrf v1').toString('base64url');
    this.device = derive('device v1');
  }

  /** The mark of a device on which this account has signed in. */
  signDevice(account: string, nonce: string): string {
    return `${nonce}.${this.deviceMac(account, nonce).toString('base64url')}`;
  }

  /** The nonce of a device mark made for this account; null when it is not one. */
  readDevice(account: string, mark: string | undefined): string | null {
    const [nonce = '', given = ''] = (mark ?? '').split('.');
    const presented = Buffer.from(given, 'base64url');
    const expected = this.deviceMac(account, nonce);
    return presented.length === expected.length && timingSafeEqual(presented, expected) ? nonce : null;
  }

  private deviceMac(account: string, nonce: string): Buffer {
    return createHmac('sha256', this.device).update(`${account}\n${nonce}`).digest();
  }
}
