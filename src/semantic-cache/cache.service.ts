import { Injectable } from '@nestjs/common';
import type { GatewayContext } from '../core/context';
import type { ChatReply } from '../core/reply';

/** Finds stored answers. Nothing is stored yet: every request bypasses the cache, and its headers and trace say so. */
@Injectable()
export class CacheService {
  lookup(context: GatewayContext): Promise<ChatReply | null> {
    context.cacheStatus = 'bypass';
    context.decide('cache', 'bypass');
    return Promise.resolve(null);
  }
}
