export { AdminModule } from './admin.module';
export { setUpConsole } from './console/set-up-console';
