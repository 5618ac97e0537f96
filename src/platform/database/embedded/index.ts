export { EmbeddedPostgres, type EmbeddedPostgresOptions, type StartKind } from './embedded-postgres';
