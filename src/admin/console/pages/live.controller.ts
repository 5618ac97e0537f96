import { Get, Res } from '@nestjs/common';
import type { Response } from 'express';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { LiveFeed } from '../data/live-feed';

const RETRY_MS = 3_000;

@ConsoleController('live')
export class LiveController {
  constructor(private readonly feed: LiveFeed) {}

  /** Server-sent events without content: `usage` when there are new requests, `tick` now and then. */
  @Get()
  @Permit('usage.read')
  stream(@Res() response: Response): void {
    const stop = this.feed.listen(
      (event) => response.write(`event: ${event}\ndata:\n\n`),
      () => response.end(),
    );
    response.once('close', stop);
    response.setHeader('content-type', 'text/event-stream');
    response.setHeader('x-accel-buffering', 'no');
    response.flushHeaders();
    response.write(`retry: ${RETRY_MS}\n\n`);
  }
}
