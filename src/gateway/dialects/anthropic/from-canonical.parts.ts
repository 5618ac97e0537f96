import { asObject, asText } from './to-canonical.fields';

export interface ContentWords {
  readonly text: string;
  readonly thinking: string;
}

/** Content as text. Some vendors write it in parts and put their reasoning among them. */
export function readContent(content: unknown): ContentWords {
  if (!Array.isArray(content)) return { text: asText(content), thinking: '' };
  let text = '';
  let thinking = '';
  for (const value of content) {
    const part = asObject(value);
    if (part['type'] === 'thinking') thinking += readThinking(part['thinking']);
    else text += asText(part['text']);
  }
  return { text, thinking };
}

const readThinking = (thinking: unknown): string =>
  Array.isArray(thinking) ? thinking.map((part) => asText(asObject(part)['text'])).join('') : asText(thinking);
