import type { ChatBody } from '../../core/chat';
import { InvalidRequestError } from '../../core/errors';
import { toAnthropic, type AnthropicRequest } from './to-anthropic';

const request = (parts: unknown[]): AnthropicRequest =>
  toAnthropic({ model: 'm', messages: [{ role: 'user', content: parts }] } as unknown as ChatBody, {
    model: 'claude-sonnet-4-5',
    maxOutputTokens: 100,
  });

const TEXT = { type: 'text', text: 'Look' };
const block = (part: unknown): unknown => {
  const messages = request([TEXT, part]).body['messages'] as { content: unknown[] }[];
  return messages[0]?.content[1];
};
const image = (url: string, extra = {}) => ({ type: 'image_url', image_url: { url, ...extra } });
const file = (fields: object) => ({ type: 'file', file: fields });
const refusalOf = (part: unknown): InvalidRequestError => {
  try {
    block(part);
  } catch (error) {
    if (error instanceof InvalidRequestError) return error;
  }
  throw new Error('It was not refused.');
};

describe('media to Anthropic', () => {
  it.each([
    ['image/png', 'image/png'],
    ['image/jpeg', 'image/jpeg'],
    ['image/jpg', 'image/jpeg'],
    ['image/gif', 'image/gif'],
    ['IMAGE/WEBP', 'image/webp'],
  ])('(23) a data URL of %s becomes a base64 source of %s', (written, expected) => {
    expect(block(image(`data:${written};base64,iVBORw0=`))).toEqual({
      type: 'image',
      source: { type: 'base64', media_type: expected, data: 'iVBORw0=' },
    });
  });

  it.each(['image/svg+xml', 'image/bmp', 'video/mp4', 'application/zip'])('(23) %s is refused', (mediaType) => {
    const error = refusalOf(image(`data:${mediaType};base64,AAAA`));
    expect(error.param).toBe('messages[0].content[1].image_url.url');
    expect(error.message).toContain(mediaType);
    expect(error.message).toContain('PNG');
  });

  it.each([
    'data:image/png,notbase64',
    'data:image/png;base64,',
    'ftp://e.com/a.png',
    'file:///etc/passwd',
    '',
    'data:nocomma',
  ])('(23) the address %j is refused', (url) => {
    expect(refusalOf(image(url)).param).toBe('messages[0].content[1].image_url.url');
  });

  it('(24, 25) an http(s) image becomes a url source and detail is ignored', () => {
    expect(block(image('https://e.com/a.png?x=1', { detail: 'high' }))).toEqual({
      type: 'image',
      source: { type: 'url', url: 'https://e.com/a.png?x=1' },
    });
    expect(block({ type: 'image_url', image_url: 'HTTP://e.com/a.png' })).toMatchObject({ source: { type: 'url' } });
  });

  it('(26) a PDF becomes a document, as data URL, as file part with its name as title, or by address', () => {
    const source = { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' };
    expect(block(image('data:application/pdf;base64,JVBERi0='))).toEqual({ type: 'document', source });
    expect(block(file({ file_data: 'data:application/pdf;base64,JVBERi0=', filename: 'a.pdf' }))).toEqual({
      type: 'document',
      source,
      title: 'a.pdf',
    });
    expect(block(file({ file_data: 'JVBERi0=', filename: 'a.pdf' }))).toEqual({
      type: 'document',
      source,
      title: 'a.pdf',
    });
    expect(block(file({ file_data: 'https://e.com/a.pdf' }))).toEqual({
      type: 'document',
      source: { type: 'url', url: 'https://e.com/a.pdf' },
    });
  });

  it('(27) an Anthropic file id becomes a file source with its beta; another provider’s is refused', () => {
    const translated = request([TEXT, file({ file_id: 'file_011C' })]);
    expect(translated.body['messages']).toMatchObject([
      { content: [TEXT, { type: 'document', source: { type: 'file', file_id: 'file_011C' } }] },
    ]);
    expect(translated.betas).toEqual(['files-api-2025-04-14']);
    expect(request([TEXT]).betas).toEqual([]);
    const error = refusalOf(file({ file_id: 'file-7qh8' }));
    expect(error.param).toBe('messages[0].content[1].file.file_id');
    expect(error.message).toContain('file_data');
    expect(refusalOf(file({})).param).toBe('messages[0].content[1].file.file_data');
  });

  it('(28) a text file becomes a text document', () => {
    const data = Buffer.from('Grüße').toString('base64');
    const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Grüße' } };
    expect(block(file({ file_data: `data:text/plain;base64,${data}`, filename: 'a.txt' }))).toEqual({
      ...document,
      title: 'a.txt',
    });
    expect(block(file({ file_data: 'data:text/plain,Gr%C3%BC%C3%9Fe' }))).toEqual(document);
    expect(block(file({ file_data: data, filename: 'a.md' }))).toEqual({ ...document, title: 'a.md' });
    expect(refusalOf(file({ file_data: 'data:text/plain,%E0%A4%A' })).message).toContain('percent');
    expect(refusalOf(file({ file_data: 'data:text/plain,%20' })).message).toContain('empty');
  });

  it('(29) a document alone gets a short text beside it, an image alone does not', () => {
    const content = (parts: unknown[]) => (request(parts).body['messages'] as { content: unknown[] }[])[0]?.content;
    expect(content([file({ file_data: 'data:application/pdf;base64,JVBERi0=' })])).toEqual([
      expect.objectContaining({ type: 'document' }),
      { type: 'text', text: 'See the attached document.' },
    ]);
    expect(content([image('https://e.com/a.png')])).toHaveLength(1);
  });

  it('(30) audio in and out is refused with what to do instead', () => {
    expect(refusalOf({ type: 'input_audio', input_audio: { data: 'x', format: 'wav' } }).message).toContain(
      'transcript',
    );
    for (const [extra, param] of [
      [{ audio: { voice: 'alloy', format: 'opus' } }, 'audio'],
      [{ modalities: ['text', 'audio'] }, 'modalities'],
    ] as const) {
      const body = { model: 'm', messages: [{ role: 'user', content: 'x' }], ...extra } as unknown as ChatBody;
      const run = () => toAnthropic(body, { model: 'claude-sonnet-4-5', maxOutputTokens: 1 });
      expect(run).toThrow(InvalidRequestError);
      expect(run).toThrow(expect.objectContaining({ param }));
    }
  });

  it('(31) parameters in the head of a data URL are understood', () => {
    expect(block(image('data:image/png;charset=utf-8;base64,AAAA'))).toMatchObject({
      source: { type: 'base64', media_type: 'image/png', data: 'AAAA' },
    });
    expect(block(image('data:image/png; name="a.png" ;base64,AAAA'))).toMatchObject({ source: { data: 'AAAA' } });
  });

  it('(48) Anthropic’s own blocks pass, with their cache_control', () => {
    const native = {
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'x' },
      cache_control: { type: 'ephemeral' },
    };
    expect(block(native)).toEqual(native);
  });

  it('an unknown part is refused by name, thinking parts of other providers are left out', () => {
    expect(refusalOf({ type: 'hologram' }).message).toContain('hologram');
    expect(block({ type: 'thinking', thinking: [] })).toBeUndefined();
  });
});
