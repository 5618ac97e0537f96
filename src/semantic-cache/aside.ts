/** Long enough for a request to be sent to its provider, and short beside the time that any provider takes. */
const ASIDE_MS = 5;

/**
 * A little later, while the provider answers. What nobody waits for begins then: at once it would be in the way of its own
 * request, for which a machine of few processors has no other.
 */
export const aside = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ASIDE_MS).unref());
