import { isObject } from '../anthropic/to-canonical.fields';

/** Tells our own from what OpenAI encrypted, which means nothing to another provider. */
const PREFIX = 'gw1.';

/**
 * Signed thinking of another provider as `encrypted_content`, the place where a Responses client keeps and sends back what
 * it cannot read. Not a secret and not trusted: the provider checks its own signatures.
 */
export const sealThinking = (blocks: readonly unknown[]): string =>
  PREFIX + Buffer.from(JSON.stringify(blocks)).toString('base64');

/** The blocks of {@link sealThinking}; null for anything else. */
export function openThinking(sealed: unknown): unknown[] | null {
  if (typeof sealed !== 'string' || !sealed.startsWith(PREFIX)) return null;
  try {
    const blocks: unknown = JSON.parse(Buffer.from(sealed.slice(PREFIX.length), 'base64').toString('utf8'));
    return Array.isArray(blocks) && blocks.every(isObject) ? blocks : null;
  } catch {
    return null;
  }
}
