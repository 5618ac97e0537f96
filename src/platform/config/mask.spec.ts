import { maskText, maskUrl, maskValues, secretParts } from './mask';

describe('maskText', () => {
  it.each([
    ['https://user:pass@host/v1', 'https://***@host/v1'],
    ['sk-proj-abcdefgh12345678', '***'],
    ['Bearer gw_ab12cd34_9f8e7d6c5b4a', 'Bearer ***'],
    ['0123456789abcdef0123456789abcdef', '***'],
  ])('hides what looks like a secret in %s', (text, masked) => {
    expect(maskText(text)).toBe(masked);
  });

  it.each(['claude-3-5-haiku-20241022', 'claude-sonnet-4-20250514', '3 parsecs', 'gpt-4.1-mini', 'https://host/v1'])(
    'leaves %s as it is',
    (text) => {
      expect(maskText(text)).toBe(text);
    },
  );
});

describe('maskValues', () => {
  it('hides each known secret wherever it stands', () => {
    expect(maskValues('a hunter2 b hunter2', ['hunter2'])).toBe('a *** b ***');
  });
});

describe('maskUrl', () => {
  it('keeps only what says where', () => {
    expect(maskUrl('postgresql://u:p@db:5432/gateway?password=x#y')).toBe('postgresql://***@db:5432/gateway');
    expect(maskUrl('redis://localhost:6379')).toBe('redis://localhost:6379');
    expect(maskUrl('not a url')).toBe('***');
  });
});

describe('secretParts', () => {
  it('knows the password of a URL as it is written and as it is meant', () => {
    expect(secretParts('redis://u:p%40ss@h')).toEqual(['redis://u:p%40ss@h', 'p%40ss', 'p@ss']);
    expect(secretParts('plain')).toEqual(['plain']);
  });
});
