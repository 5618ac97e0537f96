import type { InferenceRequest } from '../../core/chat';

/**
 * The service tier that the client asked for, when it costs more than the ordinary one; undefined for the ordinary and the
 * cheaper ones, which a provider may answer as ordinary.
 */
export function askedServiceTier({ document }: InferenceRequest): 'priority' | 'fast' | undefined {
  const { speed, service_tier: tier } = document.value;
  if (speed === 'fast') return 'fast';
  return tier === 'priority' ? 'priority' : undefined;
}
