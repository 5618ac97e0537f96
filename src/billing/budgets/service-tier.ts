import type { InferenceRequest } from '../../core/chat';

/**
 * The service tier that the client asked for, when it costs more than the ordinary one; undefined for the ordinary and the
 * cheaper ones, which a provider may answer as ordinary. OpenAI calls its dearer one `priority` or `fast`, Anthropic has a
 * `speed`.
 */
export function askedServiceTier({ document }: InferenceRequest): 'priority' | 'fast' | undefined {
  const { speed, service_tier: tier } = document.value;
  if (speed === 'fast' || tier === 'fast') return 'fast';
  return tier === 'priority' ? 'priority' : undefined;
}
