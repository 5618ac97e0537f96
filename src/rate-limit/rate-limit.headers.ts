import type { GatewayContext, RateLimitWindow } from '../core/context';

const [REQUESTS, TOKENS] = [namesOf('requests'), namesOf('tokens')];

/** The limits of the request, as the SDKs of both providers read them: name, value, name, value. */
export function rateLimitHeaders(context: GatewayContext): string[] {
  const { rateLimit } = context;
  const headers: string[] = [];
  if (!rateLimit) return headers;
  if (rateLimit.requests) addWindow(headers, context, REQUESTS, rateLimit.requests);
  if (rateLimit.tokens) addWindow(headers, context, TOKENS, rateLimit.tokens);
  if (rateLimit.degraded) headers.push('x-gateway-ratelimit', 'degraded');
  return headers;
}

function namesOf(resource: string) {
  return {
    openai: ['limit', 'remaining', 'reset'].map((part) => `x-ratelimit-${part}-${resource}`),
    anthropic: ['limit', 'remaining', 'reset'].map((part) => `anthropic-ratelimit-${resource}-${part}`),
  };
}

function addWindow(
  headers: string[],
  context: GatewayContext,
  names: ReturnType<typeof namesOf>,
  { limit, remaining, resetMs }: RateLimitWindow,
): void {
  const [ofLimit = '', ofRemaining = '', ofReset = ''] = names.openai;
  headers.push(ofLimit, String(limit), ofRemaining, String(remaining), ofReset, openAiDuration(resetMs));
  if (context.dialect !== 'anthropic') return;
  const [anthropicLimit = '', anthropicRemaining = '', anthropicReset = ''] = names.anthropic;
  // Whole seconds, as Anthropic writes them; never too early.
  const resetAtMs = Math.ceil((context.startedAtMs + context.elapsedMs() + resetMs) / 1000) * 1000;
  const reset = `${new Date(resetAtMs).toISOString().slice(0, 19)}Z`;
  headers.push(anthropicLimit, String(limit), anthropicRemaining, String(remaining), anthropicReset, reset);
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
