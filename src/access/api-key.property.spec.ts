import * as fc from 'fast-check';
import { API_KEY_LENGTH, generateApiKey, hmacOfKey, parseApiKey, sameHmac } from './api-key';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'.split('');

describe('API keys', () => {
  it('have the documented form and are read back', () => {
    for (let round = 0; round < 500; round += 1) {
      const { key, publicId } = generateApiKey();
      expect(key).toMatch(/^gw_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}$/);
      expect(key).toHaveLength(API_KEY_LENGTH);
      expect(parseApiKey(key)).toEqual({ publicId });
    }
  });

  it('use all 62 characters about equally', () => {
    const counts = new Map<string, number>();
    for (let round = 0; round < 3_000; round += 1) {
      for (const character of generateApiKey().key.slice(12, 44))
        counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    const expected = (3_000 * 32) / 62;
    expect(counts.size).toBe(62);
    // Chi-squared with 61 degrees of freedom: above 130 once in a million runs.
    const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquared).toBeLessThan(130);
  });

  it('are refused after any one character has been mistyped', () => {
    const position = fc.nat({ max: API_KEY_LENGTH - 1 });
    fc.assert(
      fc.property(position, fc.constantFrom(...BASE62, '_', '-', ' ', '\0', 'é'), (at, typed) => {
        const { key } = generateApiKey();
        const mistyped = key.slice(0, at) + typed + key.slice(at + 1);
        expect(parseApiKey(mistyped)).toEqual(mistyped === key ? expect.anything() : null);
      }),
      { numRuns: 2_000 },
    );
  });

  it('are never confused with other text', () => {
    const likeKey = fc
      .string({ unit: fc.constantFrom(...BASE62), minLength: 38, maxLength: 38 })
      .map((text) => `gw_ABCDEFGH_${text}`);
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ maxLength: 100 }), fc.string({ unit: 'binary', maxLength: 100 }), likeKey),
        (text) => {
          expect(parseApiKey(text)).toBeNull();
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('have different HMACs under different peppers and for different keys', () => {
    const [one, other] = [generateApiKey().key, generateApiKey().key];
    const pepper = Buffer.alloc(32, 1);
    expect(sameHmac(hmacOfKey(pepper, one), hmacOfKey(pepper, one))).toBe(true);
    expect(sameHmac(hmacOfKey(pepper, one), hmacOfKey(pepper, other))).toBe(false);
    expect(sameHmac(hmacOfKey(pepper, one), hmacOfKey(Buffer.alloc(32, 2), one))).toBe(false);
    expect(sameHmac(hmacOfKey(pepper, one), Buffer.alloc(0))).toBe(false);
  });
});
