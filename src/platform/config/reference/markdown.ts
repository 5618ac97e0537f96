import { formatDuration } from '../duration';
import type { Field } from '../field-model';
import {
  allowedValues,
  argumentOf,
  hasRule,
  type Comment,
  type SectionReference,
  type SettingReference,
} from './reference';

/** A variable of the process environment. */
export interface VariableReference {
  readonly name: string;
  readonly comment: Comment;
}

/** The page `docs/configuration.md`. */
export function markdown(root: SectionReference, variables: readonly VariableReference[]): string {
  const sections = root.settings.flatMap((setting) =>
    setting.section ? sectionPage(setting.field.name, setting.section, 2) : [],
  );
  const rows = variables.map(({ name, comment }) => `| \`${name}\` | ${cell(capitalised(comment.text))} |`);
  return [INTRODUCTION, '## Environment', '', '| Variable | Meaning |', '| --- | --- |', ...rows, '', ...sections]
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trimEnd()
    .concat('\n');
}

const INTRODUCTION = `<!-- Generated from the doc comments of the section classes by \`npm run docs:generate\`. Do not edit. -->

# Configuration

The gateway reads one YAML file: \`GATEWAY_CONFIG\`, by default \`config/gateway.yaml\`. Every section and every setting is
optional unless it is marked as required. [gateway.example.yaml](../config/gateway.example.yaml) holds all of them;
[gateway.schema.json](../config/gateway.schema.json) makes editors complete and check them (add
\`# yaml-language-server: $schema=gateway.schema.json\` at the top of the file).

- **Variables.** In any value, quoted or not, \`\${NAME}\` stands for an environment variable, \`\${NAME:-text}\` for it or a
  default when it is unset or empty, \`\${NAME:?text}\` for it or a refusal with that text, \`$\${\` for a literal \`\${\`. A
  variable can never change the structure of the file.
- **Durations** are numbers with a unit: \`500ms\`, \`3s\`, \`2m\`, \`1h\`.
- **Mistakes** are refused with exit code 78: unknown settings, missing variables, empty secrets, wrong units and
  contradictions, all at once, each with its line and what to write instead. A secret's value is never printed.
- **Reload.** A change of the file is taken over within seconds, on SIGHUP, or by \`POST /api/v1/config/reload\`. It is
  taken over whole or not at all: a mistake changes nothing and is told in the log. Running requests keep the
  configuration they began with. Settings that need a restart say so.
`;

function sectionPage(place: string, section: SectionReference, level: number): string[] {
  const heading = '#'.repeat(Math.min(level, 6));
  const entries = section.settings.find((setting) => setting.field.shape.kind === 'entries');
  if (entries?.section)
    return [
      `${heading} \`${place}\``,
      '',
      `${section.comment.text} ${entries.comment.text}`,
      '',
      ...sectionPage(`${place}.<name>`, entries.section, level + 1),
    ];
  const rows = section.settings.map((setting) => row(place, setting));
  const nested = section.settings.flatMap((setting) =>
    setting.section ? sectionPage(nestedPlace(place, setting), setting.section, level + 1) : [],
  );
  return [
    `${heading} \`${place}\``,
    '',
    section.comment.text,
    '',
    '| Setting | Type | Default | Meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    ...nested,
  ];
}

function nestedPlace(place: string, { field }: SettingReference): string {
  const suffix = { list: '[]', map: '.<name>' }[field.shape.kind as string] ?? '';
  return `${place}.${field.name}${suffix}`;
}

function row(place: string, setting: SettingReference): string {
  const { field, comment, defaultText } = setting;
  const initial = defaultText === null ? '' : `\`${defaultText}\``;
  const name = setting.section ? `[\`${field.name}\`](#${anchor(nestedPlace(place, setting))})` : `\`${field.name}\``;
  return `| ${name} | ${typeText(setting)} | ${setting.isRequired ? '**required**' : initial} | ${cell(comment.text)} |`;
}

/** As GitHub makes them from headings. */
const anchor = (heading: string): string => heading.toLowerCase().replace(/[^\w -]/g, '');

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/\n+/g, '<br>');

function typeText({ field }: SettingReference): string {
  const allowed = allowedValues(field);
  if (allowed) return allowed.map((value) => `\`${value}\``).join(', ');
  if (field.shape.kind === 'duration') return `duration${range(field, (value) => formatDuration(Number(value)))}`;
  if (field.shape.kind === 'decimal' || hasRule(field, 'isUsdPrice')) return 'decimal number';
  if (field.shape.kind !== 'value') return { section: 'section', list: 'list' }[field.shape.kind as string] ?? 'map';
  if (field.valueType === 'number') return (hasRule(field, 'isInt') ? 'whole number' : 'number') + range(field, String);
  if (field.valueType === 'list') return hasRule(field, 'areFractions') ? 'list of numbers' : 'list of texts';
  return field.valueType === 'boolean' ? '`true`, `false`' : 'text';
}

function range(field: Field, show: (value: unknown) => string): string {
  const least = argumentOf(field, 'min');
  const most = argumentOf(field, 'max');
  if (least !== undefined && most !== undefined) return `, ${show(least)} to ${show(most)}`;
  if (most !== undefined) return `, up to ${show(most)}`;
  return least === undefined ? '' : `, from ${show(least)}`;
}
