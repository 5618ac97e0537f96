import type { GatewayContext, RateLimitWindow } from '../core/context';

type Headers = Record<string, string>;

/** The limits of the request, as the SDKs of both providers read them. */
export function rateLimitHeaders(context: GatewayContext): Headers {
  const { rateLimit } = context;
  if (!rateLimit) return {};
  const headers: Headers = {};
  const nowMs = context.startedAtMs + context.elapsedMs();
  for (const resource of ['requests', 'tokens'] as const) {
    const window = rateLimit[resource];
    if (!window) continue;
    headers[`x-ratelimit-limit-${resource}`] = String(window.limit);
    headers[`x-ratelimit-remaining-${resource}`] = String(window.remaining);
    headers[`x-ratelimit-reset-${resource}`] = openAiDuration(window.resetMs);
    if (context.dialect === 'anthropic') Object.assign(headers, anthropicHeaders(resource, window, nowMs));
  }
  if (rateLimit.degraded) headers['x-gateway-ratelimit'] = 'degraded';
  return headers;
}

function anthropicHeaders(resource: string, { limit, remaining, resetMs }: RateLimitWindow, nowMs: number): Headers {
  return {
    [`anthropic-ratelimit-${resource}-limit`]: String(limit),
    [`anthropic-ratelimit-${resource}-remaining`]: String(remaining),
    // Whole seconds, as Anthropic writes them; never too early.
    [`anthropic-ratelimit-${resource}-reset`]: `${new Date(Math.ceil((nowMs + resetMs) / 1000) * 1000).toISOString().slice(0, 19)}Z`,
  };
}

/** A duration as OpenAI writes it: `120ms`, `1s`, `6m0s`, `1h2m3s`. Rounded up. */
export function openAiDuration(milliseconds: number): string {
  const whole = Math.ceil(milliseconds);
  if (whole < 1000) return `${whole}ms`;
  const total = Math.ceil(whole / 1000);
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}
