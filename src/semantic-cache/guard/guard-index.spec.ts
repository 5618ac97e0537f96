import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { commonsOf, refusals, type Refusal } from './compare';
import { GuardIndex } from './guard-index';
import { parseText, type ParsedText } from './parse-text';

/** Whether the guard would let one stand in for the other in `balanced` mode, if their vectors were near enough. */
const passes = (stored: string, asked: ParsedText): boolean => {
  const parsed = parseText(stored);
  return parsed !== null && refusals(parsed, asked).every((reason) => reason === 'content');
};

/** A name without a number in it. */
const nameOf = (id: number): string => `X${String(id).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)]!)}`;

function indexOf(texts: readonly string[]): GuardIndex {
  const index = new GuardIndex();
  texts.forEach((text, place) => index.add(String(place), text));
  // Some are read with every question.
  for (let round = 0; round * 8 < texts.length; round += 1) index.mayHoldLike(parseText('Is it so?')!);
  return index;
}

const PLAIN = 'router printer password tea advantages benefits of the a reset cat dog new office garden'.split(' ');
const TELLING =
  `how why what to my python java disable enable not without 2 3 two january monday OpenSSL Paris Rome from by was will
  used he she "the end" --force a1 b2 \`x\` delete add first last chased by`.split(/\s+/);
const word = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...PLAIN) },
  { weight: 1, arbitrary: fc.constantFrom(...TELLING) },
);
const text = fc.array(word, { minLength: 2, maxLength: 7 }).map((words) => words.join(' '));

describe('GuardIndex', () => {
  it('says yes exactly where the guard lets one of the texts stand in', () => {
    let [yes, no] = [0, 0];
    fc.assert(
      fc.property(fc.array(text, { maxLength: 24 }), text, (stored, asked) => {
        const parsed = parseText(asked);
        if (!parsed) return;
        const expected = stored.some((each) => passes(each, parsed));
        expect(indexOf(stored).mayHoldLike(parsed)).toBe(expected);
        if (expected) yes += 1;
        else no += 1;
      }),
      { numRuns: 1_500 },
    );
    expect(Math.min(yes, no)).toBeGreaterThan(100);
  });

  it('texts without the same in common are refused, and only they are refused for that', () => {
    const reasons: ReadonlySet<Refusal> = new Set([
      'negation',
      'number',
      'kind',
      'class',
      'aspect',
      'person',
      'direction',
      'sign',
      'capital',
    ]);
    fc.assert(
      fc.property(text, text, (one, other) => {
        const [left, right] = [parseText(one), parseText(other)];
        if (!left || !right) return;
        const isRefused = refusals(left, right).some((reason) => reasons.has(reason));
        expect(commonsOf(left) !== commonsOf(right)).toBe(isRefused);
      }),
      { numRuns: 3_000 },
    );
  });

  it('knows nothing of what was taken out, and the newest of what was put in twice', () => {
    const [question, other] = ['What are the benefits of tea for the heart?', 'Why is the sky of Mars red?'];
    const index = indexOf([question]);
    const asked = parseText('What are the advantages of drinking tea for the heart?')!;
    expect(index.mayHoldLike(asked)).toBe(true);
    index.add('0', other);
    expect(index.mayHoldLike(asked)).toBe(false);
    index.add('0', question);
    expect(index.mayHoldLike(asked)).toBe(true);
    index.remove('0');
    expect(index.mayHoldLike(asked)).toBe(false);
    expect(index.mayHoldLike(parseText(other)!)).toBe(false);
  });

  it('says yes where it has not read everything, or there is too much to look at', () => {
    const index = new GuardIndex();
    for (let id = 0; id < 5_000; id += 1) index.add(String(id), `What is the price of ${nameOf(id)}?`);
    const asked = parseText('What is the price of Zeppelins?')!;
    expect(index.mayHoldLike(asked)).toBe(true);
    for (let round = 0; round < 625; round += 1) index.mayHoldLike(asked);
    expect(index.mayHoldLike(asked)).toBe(true);
    for (let id = 0; id < 4_000; id += 1) index.remove(String(id));
    expect(index.mayHoldLike(asked)).toBe(false);
  });
});

describe.each([
  ['near misses', path.resolve(__dirname, '../../../test/support/cache-pairs/near-misses.jsonl')],
  ...['checklist-qqp', 'qqp', 'gptcache-mock', 'mrpc'].map((set) => [
    set,
    path.resolve(__dirname, `../../../../shared/semantic/dev/${set}.jsonl`),
  ]),
])('on %s', (set, file) => {
  it('loses no hit', () => {
    if (!existsSync(file!)) return console.warn(`The labelled pairs are not on this machine: ${set} is skipped`);
    const lines = readFileSync(file!, 'utf8').trim().split('\n').slice(0, 4_000);
    const pairs = lines.map((line) => JSON.parse(line) as { a: string; b: string });
    let [ruledOut, lost] = [0, 0];
    for (const { a, b } of pairs) {
      const asked = parseText(b);
      const may = asked !== null && indexOf([a]).mayHoldLike(asked);
      if (!may) ruledOut += 1;
      if (asked && may !== passes(a, asked)) lost += 1;
    }
    console.info(`${set}: ${ruledOut} of ${pairs.length} pairs are ruled out without a vector`);
    expect(lost).toBe(0);
  });
});
