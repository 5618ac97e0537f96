import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../platform/clock';
import { EventOutbox } from '../platform/events/event-outbox';
import { Secrets } from '../platform/secrets/secrets';
import { API_KEY_LENGTH, hmacOfKey, parseApiKey, sameHmac } from './api-key';
import { KeyRepository } from './key-repository';

const PREFIX = Buffer.from('gw_');
/** Of one body; who pastes more has been told of enough. */
const MAX_FOUND = 8;
/** Looked up at the same time; a flood of false keys must not keep the database busy. */
const MAX_LOOK_UPS = 4;

/**
 * Finds live keys in prompts: what stands there goes to a provider and into logs. The key goes on working, because its owner
 * is told and has to rotate it; nobody is stopped by somebody else's text.
 */
@Injectable()
export class LeakedKeys {
  private readonly logger = new Logger(LeakedKeys.name);
  private lookUps = 0;

  constructor(
    private readonly keys: KeyRepository,
    private readonly secrets: Secrets,
    private readonly outbox: EventOutbox,
    private readonly clock: Clock,
  ) {}

  /** Looks through a body; what it finds is told in the background. Costs a search for three bytes. */
  inspect(body: Buffer): void {
    for (const key of keysIn(body)) {
      if (this.lookUps >= MAX_LOOK_UPS) return;
      this.lookUps += 1;
      void this.tell(key).finally(() => (this.lookUps -= 1));
    }
  }

  private async tell(text: string): Promise<void> {
    const parsed = parseApiKey(text);
    if (!parsed) return;
    try {
      const stored = await this.keys.find(parsed.publicId);
      if (!stored || !sameHmac(hmacOfKey(this.secrets.apiKeyPepper, text), stored.hmac)) return;
      const { keyId, keyName, teamId } = stored.identity;
      const day = new Date(this.clock.now()).toISOString().slice(0, 10);
      await this.outbox.publish({
        type: 'key.leaked',
        data: { key_id: keyId, name: keyName, team_id: teamId, where: 'prompt' },
        dedupeKey: `key.leaked ${keyId} ${day}`,
      });
    } catch (error) {
      this.logger.warn(`A leaked key was not told of: ${String(error)}`);
    }
  }
}

/** Texts of the form of a key, each once. */
function keysIn(body: Buffer): Set<string> {
  const found = new Set<string>();
  let at = body.indexOf(PREFIX);
  while (at >= 0 && found.size < MAX_FOUND) {
    const text = body.toString('latin1', at, at + API_KEY_LENGTH);
    if (parseApiKey(text)) found.add(text);
    at = body.indexOf(PREFIX, at + PREFIX.length);
  }
  return found;
}
