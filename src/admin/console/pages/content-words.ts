type Members = Readonly<Record<string, unknown>>;

/** Something that was said, and by whom. */
export interface Words {
  readonly who: string;
  readonly text: string;
}

/** What a body of any dialect says, in order: for reading, the whole of it is shown as well. */
export function wordsOf(body: unknown): Words[] {
  if (typeof body === 'string') return [{ who: 'assistant', text: body }];
  if (Array.isArray(body)) return body.map((text, index) => ({ who: `choice ${index + 1}`, text: textOf(text) }));
  if (!isMembers(body)) return [];
  const { system, instructions, messages, input, choices, content, output, role } = body;
  return [
    ...said('system', system ?? instructions),
    ...listOf(messages).flatMap(messageOf),
    ...(typeof input === 'string' ? said('input', input) : listOf(input).flatMap(messageOf)),
    ...listOf(choices).flatMap((choice) => messageOf(isMembers(choice) ? choice['message'] : choice)),
    ...(content === undefined ? [] : said(nameOf(role), content)),
    ...listOf(output).flatMap(messageOf),
  ];
}

function messageOf(message: unknown): Words[] {
  if (!isMembers(message)) return said('input', message);
  const { role, type, content, tool_calls: calls, reasoning_content: thinking } = message;
  if (content === undefined && calls === undefined) return said(nameOf(role ?? type), [message]);
  return [
    ...said('thinking', thinking),
    ...said(nameOf(role), content),
    ...listOf(calls).flatMap((call) => said(nameOf(role), [call])),
  ];
}

function said(who: string, content: unknown): Words[] {
  const text = textOf(content);
  return text === '' ? [] : [{ who, text }];
}

function textOf(content: unknown): string {
  if (content === undefined || content === null) return '';
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map(partOf).join('\n');
  return JSON.stringify(content);
}

function partOf(part: unknown): string {
  if (!isMembers(part)) return textOf(part);
  const text = part['text'] ?? part['thinking'] ?? part['refusal'];
  if (typeof text === 'string') return text;
  const call = isMembers(part['function']) ? part['function'] : part;
  if (typeof call['name'] === 'string') return `calls ${call['name']} ${textOf(call['arguments'] ?? call['input'])}`;
  return part['content'] === undefined ? JSON.stringify(part) : textOf(part['content']);
}

const nameOf = (role: unknown): string => (typeof role === 'string' ? role : 'assistant');

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
