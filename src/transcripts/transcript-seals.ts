import { createHash, hkdfSync } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { openText, sealText } from '../platform/secrets/sealed-text';
import { Secrets } from '../platform/secrets/secrets';

const KEY_BYTES = 32;
const FINGERPRINT_LENGTH = 8;

export interface SealedTranscript {
  /** `2026-11.5f3a91c2`: the month the key is for, and which secret it comes from. */
  readonly keyId: string;
  readonly sealed: string;
}

/**
 * Seals transcripts with AES-256-GCM, each for its request. The key changes with the month, and its id says which it is:
 * no key seals more than a month's worth, and a transcript of another secret is told from one that was tampered with.
 */
@Injectable()
export class TranscriptSeals {
  private readonly fingerprint: string;
  private readonly keys = new Map<string, Buffer>();

  constructor(private readonly secrets: Secrets) {
    this.fingerprint = createHash('sha256').update(secrets.transcriptKey).digest('hex').slice(0, FINGERPRINT_LENGTH);
  }

  seal(requestId: string, atMs: number, text: string): SealedTranscript {
    const keyId = `${new Date(atMs).toISOString().slice(0, 7)}.${this.fingerprint}`;
    return { keyId, sealed: sealText(this.keyOf(keyId), requestId, text) };
  }

  /** Throws when it was sealed under another `GATEWAY_SECRET`, or is not what was sealed for this request. */
  open(requestId: string, { keyId, sealed }: SealedTranscript): string {
    if (!keyId.endsWith(`.${this.fingerprint}`)) {
      throw new Error(`it was encrypted under another GATEWAY_SECRET (key ${keyId})`);
    }
    return openText(this.keyOf(keyId), requestId, sealed);
  }

  private keyOf(keyId: string): Buffer {
    const known = this.keys.get(keyId);
    if (known) return known;
    const key = Buffer.from(
      hkdfSync('sha256', this.secrets.transcriptKey, 'ai-gateway', `transcripts ${keyId}`, KEY_BYTES),
    );
    // One a month; more are asked for only by rows that somebody made up.
    if (this.keys.size >= 200) this.keys.clear();
    this.keys.set(keyId, key);
    return key;
  }
}
