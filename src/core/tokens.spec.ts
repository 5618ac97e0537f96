import fc from 'fast-check';
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

/** The same rules, a character at a time. */
function referenceEstimate(text: string): number {
  let tokens = 0;
  for (const [part] of text.matchAll(/[A-Za-z]+|[0-9]+|[ \t-\r]+|[^A-Za-z0-9 \t-\r]+/g)) {
    if (/^[A-Za-z]/.test(part)) tokens += part.length <= 7 ? 1 : 1 + (part.length - 7) * 0.22;
    else if (/^[0-9]/.test(part)) tokens += Math.ceil(part.length / 3);
    else if (/^[ \t-\r]/.test(part))
      for (let index = 0; index < part.length; index += 1) tokens += part[index] === '\n' ? 0.45 : index > 0 ? 0.06 : 0;
    else
      for (let index = 0; index < part.length; index += 1) {
        const code = part.charCodeAt(index);
        if (code < 0x80) tokens += part[index] === part[index - 1] ? 0.15 : 0.62;
        else if (/[\u3040-\u9fff\uac00-\ud7af]/.test(part[index]!)) tokens += 0.82;
        else if (code >= 0xd800 && code <= 0xdfff) tokens += 1;
        else tokens += code < 0x250 ? 0.7 : 0.42;
      }
  }
  return tokens;
}

describe('estimateTokens by the rules', () => {
  const words = fc.constantFrom(
    'a',
    'word',
    'internationalization',
    '12',
    '1234',
    ' ',
    '   ',
    '\n',
    '\t',
    '--',
    '{"',
    'é',
    'Ω',
    '語',
    '🙂',
    '\ud800',
  );
  const text = fc.oneof(
    fc.array(words, { maxLength: 60 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary' }),
  );

  it('is what they say for any text', () => {
    fc.assert(
      fc.property(text, (sample) => {
        expect(Math.abs(estimateTokens(sample) - Math.ceil(referenceEstimate(sample)))).toBeLessThanOrEqual(1);
      }),
      { numRuns: 3_000 },
    );
  });

  it('does not depend on where a long text is cut into pieces', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 16_340, max: 16_400 }), (sample, before) => {
        const long = 'word '.repeat(before / 5) + sample.repeat(50) + 'word '.repeat(before % 1_000);
        expect(Math.abs(estimateTokens(long) - referenceEstimate(long))).toBeLessThanOrEqual(1.001);
      }),
      { numRuns: 300 },
    );
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
