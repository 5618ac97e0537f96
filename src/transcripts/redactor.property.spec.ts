import fc from 'fast-check';
import { Redactor } from './redactor';
import { RedactionPatternConfig, TranscriptsConfig } from './transcripts.config';

function redactor(changes: Partial<TranscriptsConfig> = {}): Redactor {
  return new Redactor(Object.assign(new TranscriptsConfig(), changes));
}

const own = (name: string, pattern: string): RedactionPatternConfig =>
  Object.assign(new RedactionPatternConfig(), { name, pattern });

/** The last digit of a card number, by ISO/IEC 7812-1, from the other side than the product does it. */
function withCheckDigit(digits: string): string {
  for (let last = 0; last < 10; last += 1) {
    const all = [...`${digits}${last}`].map(Number).reverse();
    const sum = all.reduce((total, digit, index) => {
      const value = index % 2 === 0 ? digit : digit * 2;
      return total + Math.floor(value / 10) + (value % 10);
    }, 0);
    if (sum % 10 === 0) return `${digits}${last}`;
  }
  throw new Error('no digit fits');
}

const letters = (alphabet: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength });
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const ALNUM = `${LOWER}${LOWER.toUpperCase()}0123456789`;

const email = fc
  .tuple(letters(`${LOWER}.+_-`, 1, 20), letters(LOWER, 1, 12), fc.constantFrom('com', 'co.uk', 'example', 'de'))
  .map(([name, host, end]) => `x${name}x@${host}.${end}`);
const card = fc
  .tuple(fc.constantFrom('4', '51', '37', '6011'), letters('0123456789', 15, 15), fc.constantFrom('', ' ', '-'))
  .map(([start, rest, gap]) => withCheckDigit((start + rest).slice(0, 15)).replace(/(.{4})(?=.)/g, `$1${gap}`));
const key = fc.oneof(
  letters(ALNUM, 40, 46).map((text) => `gw_${text.slice(0, 8)}_${text.slice(8)}`),
  letters(ALNUM, 20, 40).map((text) => `sk-${text}`),
  letters(ALNUM, 36, 36).map((text) => `ghp_${text}`),
  letters(`${ALNUM}_-`, 20, 30).map((text) => `eyJ${text}.${text}.${text}`),
);
const PARTS = { email_addresses: email, card_numbers: card, keys: key };
const secret = fc.constantFrom(...(Object.keys(PARTS) as (keyof typeof PARTS)[])).chain((kind) => PARTS[kind]);
const filler = fc.string({ unit: fc.constantFrom(...'abc ,.:;\n"(ä'), maxLength: 60 });

describe('what is stored of a text', () => {
  it('has no address, card number or key in it, wherever it stands and however the text is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(filler, secret), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 256, max: 400 }),
        (pairs, maxCharacters) => {
          const text = pairs.map(([before, inside]) => `${before} ${inside} `).join('');
          const { value } = redactor({ max_characters: maxCharacters }).redact({
            messages: [{ role: 'user', content: text }, text],
          });
          const kept = JSON.stringify(value);
          for (const [, inside] of pairs) {
            expect(kept).not.toContain(inside);
            // Not the greater part of it either, where the text was cut.
            expect(kept).not.toContain(inside.slice(0, Math.ceil(inside.length * 0.7)));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is what was said where nothing is private', () => {
    const said = {
      model: 'gpt-4o',
      messages: [
        { role: 'user', content: 'In 2026, order 1234 5678 of 12 @ 3.50 was sent on 2026-11-28 at 12:30:45.' },
      ],
      max_tokens: 100,
      temperature: 0.5,
      stop: null,
    };
    expect(redactor().redact(said)).toEqual({ value: said, found: {}, isCut: false });
  });

  it('says how often what was taken out, numbers and names of members too', () => {
    const { value, found } = redactor({ patterns: [own('employee_number', '\\bE-\\d{6}\\b')] }).redact({
      'a@example.com': 4111111111111111,
      text: 'E-123456 wrote to b@example.com with DE89 3704 0044 0532 0130 00, password: hunter2hunter2',
    });
    expect(value).toEqual({
      '[email address]': '[card number]',
      text: '[employee_number] wrote to [email address] with [iban], password: [key]',
    });
    expect(found).toEqual({ email_addresses: 2, card_numbers: 1, ibans: 1, keys: 1, employee_number: 1 });
  });

  it('finds a card after other digits, and no card among numbers that are none', () => {
    const { redact } = { redact: (text: string) => redactor().redact(text).value };
    expect(redact('2 4111 1111 1111 1111 12/27')).toBe('2 [card number] 12/27');
    expect(redact('4111-1111-1111-1112')).toBe('4111-1111-1111-1112');
  });

  it('is left as it is where nothing is to be taken out', () => {
    expect(redactor({ redact: [] }).redact('a@example.com').value).toBe('a@example.com');
  });

  it('is within its length: short texts whole, long ones cut alike, files not at all', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 256, max: 5_000 }),
        (lengths, max_characters) => {
          const texts = lengths.map((length) => 'a b '.repeat(length).slice(0, length));
          const { value, isCut } = redactor({ max_characters }).redact(texts);
          const kept = value as string[];
          const sum = kept.reduce((total, text) => total + text.replace('…', '').length, 0);
          expect(sum).toBeLessThanOrEqual(max_characters);
          expect(isCut).toBe(lengths.reduce((total, length) => total + length, 0) > max_characters);
          const longest = Math.max(...kept.map((text) => text.replace('…', '').length));
          kept.forEach((text, index) => {
            if (text !== texts[index]) expect(text).toBe(`${texts[index]?.slice(0, longest)}…`);
          });
        },
      ),
    );
    const picture = `data:image/png;base64,${'A'.repeat(5_000)}`;
    expect(redactor().redact([picture]).value).toEqual([`[${picture.length} characters of a file]`]);
    expect(redactor().redact(Array(30_000).fill(1)).isCut).toBe(true);
  });

  it('takes time that grows with the text only', () => {
    const hostile = [
      'a'.repeat(65_000),
      '4 '.repeat(32_000),
      'a@'.repeat(32_000),
      'a.'.repeat(32_000),
      `x@${'a.'.repeat(32_000)}`,
      '-----BEGIN PRIVATE KEY-----'.repeat(2_400),
      'eyJ'.repeat(21_000),
      'GB11 '.repeat(13_000),
      'password:   '.repeat(5_000),
    ];
    const redact = redactor();
    for (const text of hostile) {
      const began = process.cpuUsage();
      redact.redact(text);
      const { user } = process.cpuUsage(began);
      expect({ text: text.slice(0, 20), isQuick: user < 2_000_000 }).toMatchObject({ isQuick: true });
    }
  });
});
