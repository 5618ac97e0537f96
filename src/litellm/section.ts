/** A value of the file that may be anything. */
export type Json = Readonly<Record<string, unknown>>;

export const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const wordOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A section of the file that keeps account of what was read from it, so that all the rest can be listed. */
export class Section {
  private readonly members: Json;
  private readonly read = new Set<string>();

  /** What is no object has no members; `path` is where it stands in the file. */
  constructor(
    readonly path: string,
    value: unknown,
  ) {
    this.members = objectOf(value);
  }

  has(name: string): boolean {
    return this.members[name] !== undefined && this.members[name] !== null;
  }

  private take(name: string): unknown {
    this.read.add(name);
    return this.members[name];
  }

  /** A word that is not empty. Anything else is undefined and stays unread. */
  word(name: string): string | undefined {
    return wordOf(this.members[name]) === '' ? undefined : wordOf(this.take(name));
  }

  /** A number of zero or more. Anything else is undefined and stays unread. */
  amount(name: string): number | undefined {
    const value = this.members[name];
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return undefined;
    this.read.add(name);
    return value;
  }

  /** A list; anything else is empty and stays unread. */
  list(name: string): readonly unknown[] {
    return Array.isArray(this.members[name]) ? listOf(this.take(name)) : [];
  }

  /** An object; anything else has no members and stays unread. */
  section(name: string): Section {
    const value = this.members[name];
    if (value === objectOf(value)) this.read.add(name);
    return new Section(this.path === '' ? name : `${this.path}.${name}`, value);
  }

  /** All members, which count as read. */
  entries(): [name: string, value: unknown][] {
    return Object.keys(this.members).map((name) => [name, this.take(name)]);
  }

  /** The paths of all members nobody has read. */
  rest(): string[] {
    return Object.keys(this.members)
      .filter((name) => !this.read.has(name))
      .map((name) => (this.path === '' ? name : `${this.path}.${name}`));
  }
}
