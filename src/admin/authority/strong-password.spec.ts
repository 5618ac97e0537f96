import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { requireStrongPassword } from './strong-password';

const isRefused = (password: string, names: string[] = []): boolean => {
  try {
    requireStrongPassword(password, names);
    return false;
  } catch {
    return true;
  }
};

describe('requireStrongPassword', () => {
  it.each([
    'short',
    'elevenchars',
    'x'.repeat(257),
    'aaaaaaaaaaaaaaaa',
    'abababababababab',
    'passwordpassword',
    'Password1234!',
    'P@ssw0rd2026!',
    'p4$$w0rdP4$$w0rd',
    '123456789012',
    'qwertyuiop123',
    'Qwertz123456!',
    '1q2w3e4r5t6y',
    'welcome-2026-summer',
    'administrator1!',
    'letmein-letmein-letmein',
    'iloveyou!!!!2025',
    'correct horse battery staple'.replaceAll(' ', ''),
    'abcabcabcabcabc',
    'Summer2026Winter2027',
    'leavemealone',
    'Gfhjkm-Gfhjkm-1',
    'sonyericsson',
    'Liverpool-Steelers-99',
  ])('refuses %s', (password) => expect(isRefused(password)).toBe(true));

  it.each([
    'tundra ledger violin moss',
    'K7#pv-Lqz9!wTe',
    'une-girafe-mange-du-velours',
    'пять зелёных черепах',
    'correct horse battery staple',
  ])('takes %s', (password) => expect(isRefused(password)).toBe(false));

  it('refuses the account’s own name', () => {
    expect(isRefused('ada.lovelace.2026', ['ada.lovelace@example.com'])).toBe(true);
    expect(isRefused('ada.lovelace.2026')).toBe(false);
  });

  it('refuses every common password, also with something added', () => {
    const common = readFileSync(path.join(__dirname, 'common-passwords.txt'), 'utf8').trimEnd().split('\n');
    expect(new Set(common).size).toBe(common.length);
    expect(common.length).toBeGreaterThanOrEqual(3_000);
    const padded = common.slice(0, 3_000).map((password) => `${password}-${password}2026!!`);
    const long = common.filter(({ length }) => length >= 12);
    expect(long.length).toBeGreaterThan(300);
    expect([...padded, ...long].filter((password) => !isRefused(password))).toEqual([]);
  });

  it('takes what a generator makes', () => {
    for (let index = 0; index < 500; index += 1) expect(isRefused(randomBytes(12).toString('base64url'))).toBe(false);
  });
});
