import fs from 'node:fs';
import path from 'node:path';
import hbs from 'hbs';
import { registerHelpers } from './helpers';

const ROOT = path.join(__dirname, '..', 'views');
const EXTENSION = '.hbs';

type Template = (model: object) => string;

/**
 * The templates of the console, read once at boot. Nothing a user wrote is ever compiled, only inserted, and what is
 * inserted is escaped.
 */
export class Views {
  private readonly templates = new Map<string, Template>();

  constructor() {
    const { handlebars } = hbs.create();
    registerHelpers(handlebars);
    const options = { knownHelpersOnly: false, noEscape: false, strict: false } as const;
    for (const file of filesOf(path.join(ROOT, 'partials'))) {
      handlebars.registerPartial(nameOf(file), fs.readFileSync(file, 'utf8'));
    }
    for (const file of filesOf(ROOT)) {
      const source = fs.readFileSync(file, 'utf8');
      // Compiling waits for the first use; a template that is wrong must be found at boot.
      handlebars.precompile(source, options);
      this.templates.set(nameOf(file), handlebars.compile(source, options));
    }
  }

  render(name: string, model: object): string {
    const template = this.templates.get(name);
    if (!template) throw new Error(`There is no view "${name}"`);
    return template(model);
  }
}

const filesOf = (directory: string): string[] =>
  fs
    .readdirSync(directory)
    .filter((name) => name.endsWith(EXTENSION))
    .map((name) => path.join(directory, name));

const nameOf = (file: string): string => path.basename(file, EXTENSION);
