import { Module } from '@nestjs/common';
import { WebhookCourier } from './webhook-courier';
import { WebhookSender } from './webhook-sender';
import { WebhooksService } from './webhooks.service';

/** Tells the outside of what happens: who is told, and the way there. What is told comes from the outbox. */
@Module({
  providers: [WebhooksService, WebhookSender, WebhookCourier],
  exports: [WebhooksService],
})
export class AlertsModule {}
