import 'reflect-metadata';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { AppConfig } from './app.config';
import { errorsPage } from './docs.errors';
import { environmentVariables } from './platform/config/environment';
import { exampleYaml } from './platform/config/reference/example-yaml';
import { jsonSchema } from './platform/config/reference/json-schema';
import { markdown, type VariableReference } from './platform/config/reference/markdown';
import {
  referenceOf,
  type ClassComments,
  type Comment,
  type CommentsByClass,
} from './platform/config/reference/reference';

/** The generated files and their texts, by path below the root of the repository. */
export function generateDocs(root: string): ReadonlyMap<string, string> {
  const comments = readComments(path.join(root, 'src'));
  const reference = referenceOf(AppConfig, comments);
  return new Map([
    ['config/gateway.schema.json', jsonSchema(reference)],
    ['config/gateway.example.yaml', exampleYaml(reference)],
    ['docs/configuration.md', markdown(reference, variables(comments))],
    ['docs/errors.md', errorsPage()],
  ]);
}

/** The generated files that are not what they should be. */
export function staleDocs(root: string): string[] {
  return [...generateDocs(root)]
    .filter(([file, text]) => {
      const target = path.join(root, file);
      return !existsSync(target) || readFileSync(target, 'utf8') !== text;
    })
    .map(([file]) => file);
}

function variables(comments: CommentsByClass): VariableReference[] {
  const fields = comments.get('Environment')?.fields;
  return [...environmentVariables()].map(([field, name]) => {
    const comment = fields?.get(field);
    if (!comment) throw new Error(`Environment.${field} has no doc comment`);
    return { name, comment: { ...comment, text: comment.text.replace(/^`\w+`[:.]\s*/, '') } };
  });
}

/** The doc comments of every class in the files that hold sections, and of the environment. */
function readComments(directory: string): CommentsByClass {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.config.ts') || file.endsWith('environment.ts'))
    .sort();
  const comments = new Map<string, ClassComments>();
  for (const file of files) {
    const text = readFileSync(path.join(directory, file), 'utf8');
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    for (const statement of source.statements)
      if (ts.isClassDeclaration(statement) && statement.name)
        comments.set(statement.name.text, classComments(statement));
  }
  return comments;
}

function classComments(declaration: ts.ClassDeclaration): ClassComments {
  const fields = new Map<string, Comment>();
  for (const member of declaration.members) {
    if (!ts.isPropertyDeclaration(member)) continue;
    const comment = commentOf(member);
    if (comment) fields.set(member.name.getText(), comment);
  }
  return { own: commentOf(declaration) ?? { text: '', example: null }, fields };
}

function commentOf(node: ts.Node): Comment | null {
  const block = ts.getJSDocCommentsAndTags(node).find((part) => ts.isJSDoc(part));
  if (!block) return null;
  const example = ts.getJSDocTags(node).find((tag) => tag.tagName.text === 'example');
  const text = ts.getTextOfJSDocComment(block.comment) ?? '';
  const paragraphs = text.split(/\n\s*\n/).map((paragraph) => paragraph.replace(/\s*\n\s*/g, ' ').trim());
  return { text: paragraphs.join('\n\n'), example: ts.getTextOfJSDocComment(example?.comment)?.trim() ?? null };
}

function main(): void {
  const root = process.cwd();
  if (process.argv.includes('--check')) {
    const stale = staleDocs(root);
    for (const file of stale) process.stderr.write(`${file} is out of date: run npm run docs:generate\n`);
    process.exitCode = stale.length > 0 ? 1 : 0;
    return;
  }
  for (const [file, text] of generateDocs(root)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
    process.stdout.write(`${file}\n`);
  }
}

if (require.main === module) main();
