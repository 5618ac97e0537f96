import type { ChatRequest } from '../core/chat';
import type { TargetName } from '../core/context';
import { NO_FACTS, type ModelFacts } from '../core/model-facts';
import { chatRequestOf } from '../core/testing/chat-request';
import { mayHaveMoreRoom, whyNoRoom } from './model-window';
import { TargetLimits } from './target-limits';

class Windows extends TargetLimits {
  constructor(private readonly windows: Readonly<Record<string, number>>) {
    super();
  }
  override factsOf({ model }: TargetName): ModelFacts {
    return { ...NO_FACTS, contextWindow: this.windows[model] ?? null };
  }
}

const limits = new Windows({ small: 1_000, 'small-too': 1_000, large: 10_000 });
const at = (model: string): TargetName => ({ provider: 'p', model });

function asking(words: number, more: object = {}, headers: Record<string, string> = {}): ChatRequest {
  const body = { model: 'm', messages: [{ role: 'user', content: 'word '.repeat(words) }], ...more };
  return chatRequestOf(body, { forwardedHeaders: headers });
}

describe('the context windows of targets', () => {
  it('tell who may have more room', () => {
    expect(mayHaveMoreRoom(at('small'), at('large'), limits)).toBe(true);
    expect(mayHaveMoreRoom(at('large'), at('small'), limits)).toBe(false);
    expect(mayHaveMoreRoom(at('small'), at('small'), limits)).toBe(false);
    expect(mayHaveMoreRoom(at('small'), at('small-too'), limits)).toBe(false);
    expect(mayHaveMoreRoom(at('unknown'), at('small'), limits)).toBe(true);
    expect(mayHaveMoreRoom(at('small'), at('unknown'), limits)).toBe(true);
    expect(mayHaveMoreRoom(at('large'), at('small'), undefined)).toBe(true);
  });

  it('refuse a prompt that is surely too long, and no other', () => {
    expect(whyNoRoom(asking(2_000), at('small'), limits)).toMatch(
      /^the prompt of about 2\d{3} tokens does not fit into the context window of 1000$/,
    );
    expect(whyNoRoom(asking(1_200), at('small'), limits)).toBeNull();
    expect(whyNoRoom(asking(2_000), at('large'), limits)).toBeNull();
    expect(whyNoRoom(asking(2_000), at('unknown'), limits)).toBeNull();
    expect(whyNoRoom(asking(2_000), at('small'), undefined)).toBeNull();
  });

  it('let a prompt pass that its provider makes fit', () => {
    expect(whyNoRoom(asking(2_000, { truncation: 'auto' }), at('small'), limits)).toBeNull();
    const beta = { 'anthropic-beta': 'tools-x,context-1m-2025-08-07' };
    expect(whyNoRoom(asking(2_000, {}, beta), at('small'), limits)).toBeNull();
  });
});
