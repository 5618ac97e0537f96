import { estimateJsonTokens, estimateTokens } from './tokens';

describe('estimateTokens', () => {
  it.each([
    ['', 0, 0],
    ['Hello, how are you today?', 5, 9],
    ['日本語のテキスト', 5, 9],
    ['1234567890', 3, 5],
    ['internationalization', 2, 6],
  ])('%j is between %i and %i', (text, least, most) => {
    expect(estimateTokens(text)).toBeGreaterThanOrEqual(least);
    expect(estimateTokens(text)).toBeLessThanOrEqual(most);
  });
});

describe('estimateJsonTokens', () => {
  const prompt = (text: string) => [{ role: 'user', content: text }];

  it('counts text without spaces as text', () => {
    expect(estimateJsonTokens(prompt('测'.repeat(10_000)))).toBeGreaterThan(7_000);
    expect(estimateJsonTokens(prompt('a1'.repeat(10_000)))).toBeGreaterThan(5_000);
    expect(
      estimateJsonTokens([{ type: 'text', text: 'data:image/png;base64,'.padEnd(50_000, 'ab1') }]),
    ).toBeGreaterThan(5_000);
  });

  it('counts an embedded image flat, in the fields of both dialects', () => {
    const bytes = 'iVBORw0KGgo'.repeat(10_000);
    for (const part of [
      { type: 'image_url', image_url: { url: `data:image/png;base64,${bytes}` } },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: bytes } },
      { type: 'file', file: { file_data: `data:application/pdf;base64,${bytes}` } },
    ]) {
      expect(estimateJsonTokens(part)).toBeLessThan(1_700);
      expect(estimateJsonTokens(part)).toBeGreaterThan(1_500);
    }
  });
});
