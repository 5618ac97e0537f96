import type { JsonObject } from '../core/chat';
import type { JsonReply, StreamEvent } from '../core/reply';
import { TranscriptDraft } from './transcript-draft';

const event = (text: string, data: JsonObject | null = null, more: Partial<StreamEvent> = {}): StreamEvent => ({
  kind: 'content',
  name: null,
  data,
  raw: null,
  usage: null,
  text,
  finish: null,
  ...more,
});
const draft = (choices = 1, maxCharacters = 1_000): TranscriptDraft =>
  new TranscriptDraft(maxCharacters, () => choices);

describe('the answer of a transcript', () => {
  it('is nothing when nothing was said', () => expect(draft().answer()).toBeNull());

  it('is the words of a stream in order, with the tools it calls', () => {
    const made = draft();
    made.observe(event('Let me '));
    made.observe(event('look.'));
    const call = { function: { name: 'search', arguments: '' } };
    made.observe(event('', { choices: [{ delta: { tool_calls: [call] } }] }));
    made.observe(event('{"q":1}'));
    made.observe(event('', { type: 'content_block_start', content_block: { type: 'tool_use', name: 'fetch' } }));
    expect(made.answer()).toBe('Let me look.\n[calls search] {"q":1}\n[calls fetch]');
  });

  it('is one text for each choice', () => {
    const made = draft(2);
    for (const [index, text] of [
      [0, 'yes'],
      [1, 'no'],
      [0, '!'],
    ] as const)
      made.observe(event(text, { choices: [{ index }] }));
    expect(made.answer()).toEqual(['yes!', 'no']);
  });

  it('does not look into events that say nothing but their text', () => {
    const made = draft();
    const closed = event('plain', null, { isTextOnly: true });
    Object.defineProperty(closed, 'data', {
      get: () => {
        throw new Error('looked');
      },
    });
    made.observe(closed);
    expect(made.answer()).toBe('plain');
  });

  it('stops growing a little beyond what is kept', () => {
    const made = draft(1, 1_000);
    for (let index = 0; index < 10_000; index += 1) made.observe(event('0123456789'));
    expect(String(made.answer()).length).toBeLessThan(4_000);
    expect(made.size()).toBeLessThan(8_000);
  });

  it('is the body of an answer in one piece, and no vectors', () => {
    const reply = {
      kind: 'json',
      dialect: 'openai',
      raw: null,
      value: { id: 'x' },
      model: 'm',
      usage: null,
      finish: 'stop',
    } as const;
    const made = draft();
    made.answered(reply satisfies JsonReply);
    expect(made.answer()).toEqual({ id: 'x' });
    made.answered({ ...reply, dialect: 'embeddings' });
    expect(made.answer()).toBeNull();
  });
});
