interface ErrorRow {
  readonly status: string;
  readonly code: string;
  readonly when: string;
  readonly remedy: string;
}

/** Every `error.code` a caller of the inference routes may see. A code is never renamed. */
export const ERROR_ROWS: readonly ErrorRow[] = [
  {
    status: '400',
    code: 'invalid_request_error',
    when: 'The body is wrong, nested too deep, or has duplicate or dangerous keys.',
    remedy: 'Correct the field that `param` names.',
  },
  {
    status: '400',
    code: 'budget_unpriceable',
    when: 'A hard budget applies and the cost of the call has no upper bound.',
    remedy:
      'As the message says: use a model with a known price or ask the operator to set `pricing.overrides`; leave out what the provider runs or fetches by itself.',
  },
  {
    status: '400',
    code: 'context_length_exceeded',
    when: 'The prompt is too long for the model, and for every model it may fall back to.',
    remedy: 'Send less, or use a model with more room.',
  },
  {
    status: '401',
    code: 'invalid_api_key',
    when: 'The key is missing, unknown, revoked or expired: one message for all.',
    remedy: 'Send a gateway key as `Authorization: Bearer`, `x-api-key` or `api-key`.',
  },
  {
    status: '403',
    code: 'permission_denied',
    when: 'The key is good, but may not do this.',
    remedy: 'Ask the operator for a key with the scope that the message names.',
  },
  {
    status: '403',
    code: 'model_not_allowed',
    when: 'The key may not use this model.',
    remedy: 'Use a model of `GET /v1/models`, or ask the operator.',
  },
  {
    status: '404',
    code: 'model_not_found',
    when: 'No model has this name. The message lists near names that the key may use.',
    remedy: 'Correct the name.',
  },
  { status: '404', code: 'not_found', when: 'There is nothing at this address.', remedy: 'Correct the address or id.' },
  {
    status: '409',
    code: 'conflict',
    when: 'What was asked contradicts what is there, for example a name that is taken.',
    remedy: 'Read the current state and ask again.',
  },
  {
    status: '404',
    code: 'route_not_found',
    when: 'There is no such route.',
    remedy: 'Correct the address; `/docs` has all routes.',
  },
  {
    status: '408',
    code: 'request_timeout',
    when: 'The body of the request stopped arriving.',
    remedy: 'Send it again.',
  },
  {
    status: '409',
    code: 'idempotency_conflict',
    when: 'A request with the same `idempotency-key` is still being answered, or was charged and left no answer that could be given again.',
    remedy: 'With `retry-after`: send it again. Without: ask again under another key.',
  },
  {
    status: '422',
    code: 'idempotency_conflict',
    when: 'The `idempotency-key` was used with another body.',
    remedy: 'Send the same body again, or another key.',
  },
  {
    status: '413',
    code: 'request_too_large',
    when: 'The body is larger than `server.max_body_bytes`.',
    remedy: 'Send less, or ask the operator to raise it.',
  },
  {
    status: '429',
    code: 'rate_limit_exceeded',
    when: 'A limit is used up. The message names the scope and what ran out.',
    remedy: 'Wait `retry-after` seconds; the same call then succeeds.',
  },
  {
    status: '429',
    code: 'budget_exceeded',
    when: 'A budget is spent; OpenAI type `insufficient_quota`. The message names the budget, spent, limit and reset time.',
    remedy: 'Do not retry (`x-should-retry: false`); ask for a top-up or wait for the reset.',
  },
  {
    status: '429',
    code: 'insufficient_quota',
    when: "The provider's own account is out of money, and no other target could answer.",
    remedy: 'Do not retry; the operator tops up the account.',
  },
  {
    status: '500',
    code: 'internal_error',
    when: 'A fault of the gateway. The details are in its log, under the `x-request-id` of the answer.',
    remedy: 'Retry once; tell the operator the request id.',
  },
  {
    status: '502',
    code: 'provider_error',
    when: 'The whole chain failed. `details` lists each attempt.',
    remedy: 'Retry later; the operator finds the attempts in the request log.',
  },
  {
    status: '502',
    code: 'budget_cutoff',
    when: 'In the middle of a stream: the provider has charged more than was reserved under a hard budget (`streams.cutoff`).',
    remedy: 'Ask for less with `max_tokens`.',
  },
  {
    status: '503',
    code: 'no_healthy_provider',
    when: 'Every target of the model is out of service at the moment.',
    remedy: 'Wait `retry-after` seconds.',
  },
  {
    status: '503',
    code: 'overloaded',
    when: 'The gateway takes no more work at the moment.',
    remedy: 'Wait `retry-after` seconds.',
  },
  {
    status: '503',
    code: 'budget_unavailable',
    when: 'It cannot be decided at the moment whether the budget allows the call.',
    remedy: 'Wait `retry-after` seconds.',
  },
  {
    status: '503',
    code: 'idempotency_unavailable',
    when: 'The store of idempotency keys is away and `idempotency.on_store_down` is `deny`.',
    remedy: 'Wait `retry-after` seconds, or send the request without `idempotency-key`.',
  },
  {
    status: '504',
    code: 'provider_timeout',
    when: 'The providers did not answer in time.',
    remedy: 'Retry, or ask for a smaller answer.',
  },
  {
    status: '504',
    code: 'not_cached',
    when: 'The request asked for a cached answer only (`cache-control: only-if-cached`), and there is none.',
    remedy: 'Ask without it.',
  },
  {
    status: '508',
    code: 'request_loop',
    when: 'The gateway called itself: a provider address leads back to it.',
    remedy: 'The operator corrects `base_url`.',
  },
];

/** The page `docs/errors.md`. */
export function errorsPage(): string {
  const rows = ERROR_ROWS.map(({ status, code, when, remedy }) => `| ${status} | \`${code}\` | ${when} | ${remedy} |`);
  return `<!-- Generated by \`npm run docs:generate\`. Do not edit. -->

# Errors

An error comes in the dialect of the caller: OpenAI's \`{"error":{"message","type","param","code"}}\`, or Anthropic's
\`{"type":"error","error":{"type","message","details"},"request_id"}\`. After the first byte of a stream it comes as an
error event of that dialect, then the stream ends; \`[DONE]\` never follows an error.

\`x-gateway-error-source\` says whether the gateway or the provider refused. \`x-should-retry: false\` is on every refusal
for which a retry within a minute is useless; both official SDKs obey it. An upstream error of the same dialect keeps its
status and body.

| Status | Code | When | What to do |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}
