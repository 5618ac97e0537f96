import { allowedValues, type SectionReference, type SettingReference } from './reference';

const WIDTH = 110;

/** The file `config/gateway.example.yaml`: every setting under its doc comment, with its default or an example. */
export function exampleYaml(root: SectionReference): string {
  return `${HEADER}\n${sectionLines(root, 0).join('\n')}\n`;
}

const HEADER = `# yaml-language-server: $schema=gateway.schema.json
# Generated from the doc comments of the section classes by \`npm run docs:generate\`. Do not edit: copy what you need.
#
# Every setting. A value is the default, or an example where a name or an address must be yours; settings without a
# default are commented out.
`;

function sectionLines(section: SectionReference, depth: number): string[] {
  return section.settings.flatMap((setting, index) => [
    ...(index > 0 && depth === 0 ? [''] : []),
    ...settingLines(setting, depth),
  ]);
}

function settingLines(setting: SettingReference, depth: number): string[] {
  const { field, section, comment } = setting;
  const indent = '  '.repeat(depth);
  const about = commentLines(comment.text, indent);
  if (!section) return [...about, `${indent}${valueLine(setting)}`];
  if (field.shape.kind === 'entries') return [...about, ...entryLines(setting, section, indent, depth)];
  const head = [...about, `${indent}${field.name}:`];
  if (field.shape.kind === 'map') return [...head, ...entryLines(setting, section, `${indent}  `, depth + 1)];
  if (field.shape.kind === 'list') return [...head, ...elementLines(section, depth + 2)];
  return [...head, ...sectionLines(section, depth + 1)];
}

function entryLines(setting: SettingReference, section: SectionReference, indent: string, depth: number): string[] {
  return [`${indent}${setting.comment.example ?? 'name'}:`, ...sectionLines(section, depth + 1)];
}

/** One element of a list: the dash takes the place of the first setting's indentation. */
function elementLines(section: SectionReference, depth: number): string[] {
  const lines = sectionLines(section, depth);
  const first = lines.findIndex((line) => !line.trimStart().startsWith('#'));
  const indent = '  '.repeat(depth);
  return [
    ...lines.slice(0, first).map((line) => line.slice(2)),
    `${indent.slice(2)}- ${(lines[first] ?? '').trimStart()}`,
    ...lines.slice(first + 1),
  ];
}

function valueLine(setting: SettingReference): string {
  const { field, defaultText, comment } = setting;
  if (defaultText !== null) return `${field.name}: ${defaultText}`;
  const example = comment.example ?? inText(comment.text) ?? allowedValues(field)?.[0] ?? '1';
  const isActive = setting.isRequired || (comment.example !== null && field.shape.secret && example.includes('${'));
  return `${isActive ? '' : '# '}${field.name}: ${example}`;
}

/** The value after "for example" in a doc comment. */
const inText = (text: string): string | null => /for example `([^`]+)`/.exec(text)?.[1] ?? null;

function commentLines(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && indent.length + line.length + word.length + 3 > WIDTH) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((part) => `${indent}# ${part}`);
}
