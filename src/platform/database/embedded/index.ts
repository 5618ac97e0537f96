export { EmbeddedPostgres } from './embedded-postgres';
