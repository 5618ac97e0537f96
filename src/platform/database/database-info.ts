/** What may be told about the database in use. */
export abstract class DatabaseInfo {
  abstract get kind(): 'embedded' | 'external';
  /** Where it is, without credentials. */
  abstract describe(): string;
}
