export { AlertsModule } from './alerts.module';
export { WebhooksService, type Webhook, type WebhookDelivery, type WebhookFields } from './webhooks.service';
