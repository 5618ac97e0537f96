import { errorReply, type FixedReply } from './error-replies';
import type { FaultContext } from './fault-replies';
import { formatDuration, type LimitRefusal, type LimitState } from './limits';

/** The 429 of a real limit: the numbers are true, and waiting as long as it says succeeds. */
export function limitReply(context: FaultContext, refusal: LimitRefusal, state: LimitState): FixedReply {
  const limit = refusal.ranOut === 'requests' ? state.limits.requestsPerMinute : state.limits.tokensPerMinute;
  const headers: Record<string, string> = {};
  if (refusal.retryAfterMs !== null) {
    headers['retry-after'] = String(Math.ceil(refusal.retryAfterMs / 1000));
    headers['retry-after-ms'] = String(Math.ceil(refusal.retryAfterMs));
  }
  if (context.dialect === 'anthropic') {
    const what = refusal.ranOut === 'requests' ? 'requests' : 'input tokens';
    const message =
      `This request would exceed your organization's rate limit of ${limit.toLocaleString('en-US')} ${what} per minute ` +
      `(org: 00000000-0000-0000-0000-000000000000, model: ${context.model}). For details, refer to: ` +
      'https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage. Please reduce the ' +
      'prompt length or the maximum tokens requested, or try again later.';
    delete headers['retry-after-ms'];
    return errorReply('anthropic', 429, { message }, context.random, headers);
  }
  const unit = refusal.ranOut === 'requests' ? 'requests per min (RPM)' : 'tokens per min (TPM)';
  const requested = refusal.ranOut === 'requests' ? 1 : context.inputTokens;
  const numbers =
    refusal.retryAfterMs === null
      ? `Limit ${limit}, Requested ${requested}. The input or output tokens must be reduced in order to run successfully.`
      : `Limit ${limit}, Used ${refusal.used}, Requested ${requested}. Please try again in ${formatDuration(refusal.retryAfterMs)}.`;
  const opening = refusal.retryAfterMs === null ? 'Request too large' : 'Rate limit reached';
  const message =
    `${opening} for ${context.model} in organization org-simulator on ${unit}: ${numbers} ` +
    'Visit https://platform.openai.com/account/rate-limits to learn more.';
  const text = { message, type: refusal.ranOut, code: 'rate_limit_exceeded' };
  return errorReply('openai', 429, text, context.random, headers);
}
