import fc from 'fast-check';
import { chatRequest } from '../testing/usage-fixtures';
import { estimateJsonTokens } from '../../core/tokens';
import type { ModelPrice, PriceTier } from '../model-price';
import { promptBound } from './input-bound';
import { payableCall } from './payable-call';
import { termsOf } from './testing/budget-fixtures';

const TIER: PriceTier = {
  aboveInputTokens: -1,
  input: 2_500_000n,
  cacheRead: 1_250_000n,
  cacheWrite5m: 2_500_000n,
  cacheWrite1h: 2_500_000n,
  inputAudio: 2_500_000n,
  inputImage: 2_500_000n,
  output: 10_000_000n,
  reasoning: 10_000_000n,
  outputAudio: 10_000_000n,
  outputImage: 10_000_000n,
};
const priceOf = (source: ModelPrice['source']): ModelPrice => ({
  id: 'x',
  source,
  tiers: [TIER],
  webSearch: 0n,
  request: 0n,
});

const BOUNDS = { answerTokens: 4_096, contextWindow: () => 128_000 };
const prompt = (...content: object[]): object => ({ messages: [{ role: 'user', content }] });

describe('what a call may cost', () => {
  const intentOf = (maxTokens: number | null, prompt = 'hello') => ({
    index: 1,
    provider: 'openai',
    model: 'gpt-4o',
    request: chatRequest('gpt-4o', prompt, maxTokens),
  });

  it('a shorter answer is the longest that the money buys, and never more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.bigInt(0n, 300_000_000n), (maxTokens, available) => {
        const call = payableCall(intentOf(maxTokens), priceOf('catalogue'), [termsOf('b')], BOUNDS);
        const cost = call.fit(available);
        if (cost === null) return call.outputTokensFor(available) < Math.min(16, maxTokens);
        const tokens = call.outputTokensFor(cost);
        const isLongest = tokens === maxTokens || cost + 10_000n > available;
        return cost <= available && cost <= call.amountNanoUsd && isLongest;
      }),
      { numRuns: 2_000 },
    );
  });

  it('no text has more tokens than the bound', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 400, unit: 'grapheme' }), (prompt) => {
        const request = chatRequest('gpt-4o', prompt);
        return (
          promptBound(request, priceOf('catalogue')).tokens >= estimateJsonTokens(request.document.value['messages'])
        );
      }),
    );
  });

  it.each(['free', 'estimate'] as const)('a price that is %s is no price under a hard budget', (source) => {
    expect(() => payableCall(intentOf(10), priceOf(source), [termsOf('b')], BOUNDS)).toThrow(
      expect.objectContaining({ status: 400, code: 'budget_unpriceable' }),
    );
  });

  it('an ordinary call has a bound', () => {
    expect(promptBound(chatRequest(), priceOf('catalogue')).unbounded).toBeNull();
  });
});

describe('what has no bound', () => {
  const why = (body: object, price: Partial<ModelPrice> = {}): string | null =>
    promptBound(chatRequest('gpt-4o', 'hello', 10, body), { ...priceOf('catalogue'), ...price }).unbounded?.why ?? null;
  const AUDIO = prompt({ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } });

  it.each([
    ['audio', AUDIO, 'input_audio'],
    ['an answer in audio', { modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' } }, '"audio"'],
    ['an answer in images', { modalities: ['image'] }, '"image"'],
    ['an answer in what nobody knows', { modalities: ['smell'] }, '"smell"'],
    ['video', prompt({ type: 'video_url', video_url: { url: 'https://example.com/a.mp4' } }), 'video'],
    ['an earlier answer', { previous_response_id: 'resp_1' }, 'previous_response_id'],
    ['a search', { web_search_options: {} }, 'search'],
    [
      'a tool of the provider',
      { tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
      'runs at the provider',
    ],
    ['a stored file', prompt({ type: 'file', file: { file_id: 'file-1' } }), 'no known size'],
    ['a file by its address', prompt({ type: 'input_file', file_url: 'https://example.com/a.pdf' }), 'no known size'],
    [
      'a document by its address',
      prompt({ type: 'document', source: { type: 'url', url: 'https://e.com' } }),
      'no known',
    ],
  ])('%s, where the price list has no price of its own for it', (_, body, words) => {
    expect(why(body)).toContain(words);
  });

  it('says what can be done about it: a price helps only where one is missing', () => {
    const mend = (body: object): string | undefined =>
      promptBound(chatRequest('gpt-4o', 'hello', 10, body), priceOf('catalogue')).unbounded?.mend;
    expect(mend(AUDIO)).toContain('pricing.overrides');
    expect(mend({ previous_response_id: 'resp_1' })).toMatch(/^Send what it stands for/);
    expect(mend({ tools: [{ type: 'web_search' }] })).toMatch(/^Leave it out/);
  });

  it('has one where the kind is priced, or is in the request itself', () => {
    expect(why(AUDIO, { ownKinds: ['inputAudio'] })).toBeNull();
    expect(why({ modalities: ['text', 'audio'] }, { ownKinds: ['outputAudio'] })).toBeNull();
    expect(why({ modalities: ['text'] })).toBeNull();
    expect(why(prompt({ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'a' } }))).toBeNull();
    expect(why(prompt({ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }))).toBeNull();
  });
});

describe('how many tokens a prompt has at most', () => {
  const bound = (body: object): number =>
    promptBound(chatRequest('gpt-4o', 'hello', 10, body), priceOf('catalogue'), () => 128_000).tokens;
  const LONG = `data:image/png;base64,${'alpha bravo '.repeat(50_000)}`;
  const DOT = 'data:image/png;base64,iVBORw0KGgo=';
  const image = (data: string) => ({ type: 'image', source: { type: 'base64', media_type: 'image/png', data } });

  it.each([
    ['a text', prompt({ type: 'text', text: LONG })],
    ['a message that is a text', { messages: [{ role: 'user', content: LONG }] }],
    ['an instruction', { system: LONG }],
    ['a member of a tool call', prompt({ type: 'tool_use', id: 't', name: 'look', input: { url: LONG } })],
    ['an argument of a tool call', prompt({ type: 'tool_use', id: 't', name: 'look', input: image(LONG) })],
    ['a message in a tool call', prompt({ type: 'tool_use', id: 't', name: 'a', input: { content: [image(LONG)] } })],
    ['the schema of a tool', { tools: [{ type: 'function', function: { parameters: { image_url: { url: LONG } } } }] }],
    ['an input to embed', { input: [LONG] }],
  ])('%s that begins like an image is bounded by its bytes', (_, body) => {
    expect(bound(body)).toBeGreaterThan(LONG.length);
  });

  it.each([
    ['Chat', (url: string) => prompt({ type: 'image_url', image_url: { url } })],
    ['Messages', (url: string) => prompt(image(url))],
    ['a tool result of Messages', (url: string) => prompt({ type: 'tool_result', content: [image(url)] })],
    ['Responses', (url: string) => ({ input: [{ role: 'user', content: [{ type: 'input_image', image_url: url }] }] })],
    [
      'a screenshot of Responses',
      (url: string) => ({
        input: [{ type: 'computer_call_output', output: { type: 'computer_screenshot', image_url: url } }],
      }),
    ],
  ])('an image of %s costs what the largest costs, whatever its bytes: a few may unpack to any size', (_, bodyOf) => {
    const [small, large] = [bound(bodyOf(DOT)), bound(bodyOf(LONG))];
    expect(small).toBeGreaterThan(65_536);
    expect(large).toBeLessThan(66_600);
  });

  it.each([
    ['Chat', prompt({ type: 'file', file: { file_data: 'data:application/pdf;base64,AAAA' } })],
    ['Responses', { input: [{ content: [{ type: 'input_file', file_data: 'data:application/pdf;base64,AAAA' }] }] }],
    ['Messages', prompt({ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' } })],
  ])('a document of %s has as many as the model takes in; one that nobody knows is refused', (_, body) => {
    expect(bound(body)).toBe(128_000);
    const unknown = promptBound(chatRequest('gpt-4o', 'hello', 10, body), priceOf('catalogue')).unbounded;
    expect(unknown?.why).toContain('pages of a document');
    expect(unknown?.mend).toContain('context_window');
  });
});
