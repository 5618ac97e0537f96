import { GatewayError } from '../core/errors';

/** The caller wants a stored answer or none (`cache-control: only-if-cached`), and there is none. */
export class OnlyIfCachedError extends GatewayError {
  constructor() {
    super(
      504,
      'not_cached',
      'not_found_error',
      'No stored answer fits this request and "cache-control: only-if-cached" forbids a new one. Leave the directive out to have it answered.',
      { shouldRetry: false },
    );
  }
}
