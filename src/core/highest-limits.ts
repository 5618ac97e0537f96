/** The most that may be set as a limit, by configuration or API. Far above what any provider serves; more is a typing error. */
export const HIGHEST_LIMITS = {
  requestsPerMinute: 1_000_000_000,
  tokensPerMinute: 1_000_000_000_000,
  maxConcurrency: 1_000_000,
} as const;
