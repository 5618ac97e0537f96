export { DatabaseInfo } from './database-info';
export { DatabaseModule } from './database.module';
export { DatabaseNotifications } from './database-notifications';
export { migrate } from './migrate';
