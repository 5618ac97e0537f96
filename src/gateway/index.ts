export { DispatchedOwnCalls } from './dispatched.own-calls';
export { GatewayModule } from './gateway.module';
