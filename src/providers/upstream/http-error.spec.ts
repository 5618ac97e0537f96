import { httpError, streamError } from './http-error';

const reasonOf = (status: number, error: object, extra: Record<string, string> = {}): string[] => {
  const failure = httpError('p', 'openai', { status, headers: extra }, Buffer.from(JSON.stringify({ error })));
  return [failure.failure, failure.reason];
};

describe('what an error of a provider means', () => {
  it.each([
    [400, { code: 'context_length_exceeded', message: 'x' }, ['rejected', 'context_length']],
    [400, { message: "This model's maximum context length is 128000 tokens." }, ['rejected', 'context_length']],
    [
      400,
      { type: 'invalid_request_error', message: 'prompt is too long: 215000 tokens > 200000 maximum' },
      ['rejected', 'context_length'],
    ],
    [
      400,
      { message: 'input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000' },
      ['rejected', 'context_length'],
    ],
    [400, { code: 'content_filter', message: 'The response was filtered' }, ['rejected', 'content_filter']],
    [400, { code: 'content_policy_violation', message: 'x' }, ['rejected', 'content_filter']],
    [400, { message: 'messages: roles must alternate' }, ['rejected', 'http_400']],
    [404, { code: 'model_not_found', message: 'x' }, ['rejected', 'http_404']],
    [
      429,
      { message: 'Request too large for gpt-4o: Limit 30000, Requested 36278' },
      ['rate_limited', 'request_too_large'],
    ],
    [429, { code: 'insufficient_quota', message: 'x' }, ['rate_limited', 'insufficient_quota']],
    [400, { message: 'Your credit balance is too low to access the API' }, ['rate_limited', 'insufficient_quota']],
    [401, { message: 'bad key' }, ['misconfigured', 'http_401']],
    [529, { type: 'overloaded_error', message: 'Overloaded' }, ['unavailable', 'http_529']],
    [504, { message: 'slow' }, ['timeout', 'http_504']],
  ])('(97, 98) %i %j is %j', (status, error, expected) => {
    expect(reasonOf(status, error)).toEqual(expected);
  });

  it.each([
    [
      { error: { type: 'invalid_request_error', code: 'context_length_exceeded', message: 'x' } },
      ['rejected', 'context_length', 400],
    ],
    [{ error: { code: 'content_filter', message: 'x' } }, ['rejected', 'content_filter', 400]],
    [{ error: { type: 'overloaded_error', message: 'Overloaded' } }, ['unavailable', 'stream_error', 529]],
    [{ error: { code: 503, message: 'x' } }, ['unavailable', 'stream_error', 529]],
    [{ error: { type: 'what is this', message: 'x' } }, ['unavailable', 'stream_error', 500]],
  ])('in a stream %j is %j', (data, expected) => {
    const { failure, reason, status } = streamError('p', 'openai', data);
    expect([failure, reason, status]).toEqual(expected);
  });
});
