import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { openText, sealText } from './sealed-text';

describe('a sealed text', () => {
  const key = randomBytes(32);

  it('opens for its owner, and looks different each time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, owner) => {
        const sealed = sealText(key, owner, text);
        expect(openText(key, owner, sealed)).toBe(text);
        expect(sealText(key, owner, text)).not.toBe(sealed);
      }),
    );
  });

  it('opens for nobody else, with no other key, and not with any bit changed', () => {
    const sealed = sealText(key, 'hook_1', 'secret');
    expect(() => openText(key, 'hook_2', sealed)).toThrow('does not open');
    expect(() => openText(randomBytes(32), 'hook_1', sealed)).toThrow('does not open');
    const bytes = Buffer.from(sealed.slice(3), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => openText(key, 'hook_1', `v1.${changed.toString('base64url')}`)).toThrow('does not open');
    }
    for (const bad of ['', 'v1.', 'v2.AAAA', 'v1.AAAA'])
      expect(() => openText(key, 'hook_1', bad)).toThrow('does not open');
  });
});
