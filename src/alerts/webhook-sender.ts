import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, request } from 'undici';
import { BlockedAddressError, guardedLookup } from '../platform/http/address-guard';
import { isBlockedHost } from './webhook-target';

const TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 3_000;
const MAX_CONNECTIONS = 8;
const MAX_ERROR_LENGTH = 300;

export interface Posting {
  readonly url: string;
  readonly allowPrivateNetwork: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `status`: what the receiver answered; null when it could not be reached. */
export interface PostingResult {
  readonly ok: boolean;
  readonly status: number | null;
  readonly error: string | null;
}

/** Posts to receivers. Redirects are not followed, and what the receiver answers is not read. */
@Injectable()
export class WebhookSender implements OnApplicationShutdown {
  private readonly guarded = agent({ lookup: guardedLookup });
  private readonly free = agent({});

  /** Never throws. */
  async post({ url, allowPrivateNetwork, headers, body }: Posting): Promise<PostingResult> {
    try {
      // The address may have been allowed when the webhook was made, and not be any more.
      if (!allowPrivateNetwork && isBlockedHost(new URL(url))) throw new BlockedAddressError(new URL(url).hostname);
      const { statusCode, body: answer } = await request(url, {
        method: 'POST',
        headers,
        body,
        dispatcher: allowPrivateNetwork ? this.free : this.guarded,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      answer.on('error', () => undefined).destroy();
      const ok = statusCode >= 200 && statusCode < 300;
      return { ok, status: statusCode, error: ok ? null : `the receiver answered ${statusCode}` };
    } catch (error) {
      return { ok: false, status: null, error: describe(error) };
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.guarded.close(), this.free.close()]);
  }
}

const agent = (connect: object): Agent =>
  new Agent({ connections: MAX_CONNECTIONS, connect: { timeout: CONNECT_TIMEOUT_MS, ...connect } });

function describe(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.slice(0, MAX_ERROR_LENGTH);
}
