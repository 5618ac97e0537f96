import { entryWith } from '../testing/entries';
import { compareAnswers } from './compare-answers';
import type { StoredAnswer } from './cache-entry';

const { answer } = entryWith({});
const completion = (content: string): StoredAnswer => ({ ...answer, value: { choices: [{ message: { content } }] } });
const message = (text: string): StoredAnswer => ({
  ...answer,
  dialect: 'anthropic',
  value: { content: [{ type: 'text', text }] },
});

describe('compareAnswers', () => {
  it.each([
    ['right', 'The capital of France is Paris.', 'the capital of France is Paris'],
    ['right', 'Microservices scale well and deploy alone.', 'Microservices deploy alone and they scale well.'],
    ['wrong', 'The capital of France is Paris.', 'Whales breathe air through blowholes.'],
    ['unsure', 'The fee is 20 dollars a month for every user.', 'The fee is 30 dollars a month for every user.'],
    ['unsure', 'Paris is the capital of France and its largest city.', 'The capital of France is a large city, Lyon.'],
  ])('%s: %s | %s', (verdict, stored, made) => {
    expect(compareAnswers(completion(stored), completion(made))).toBe(verdict);
    expect(compareAnswers(message(stored), completion(made))).toBe(verdict);
  });
});
