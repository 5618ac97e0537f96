import fs from 'node:fs';
import './global-setup';

// oxlint-disable-next-line import/no-default-export -- Jest takes a default export only
export default async function globalTeardown(): Promise<void> {
  const services = globalThis.testServices;
  if (!services) return;
  await services.redis.stop();
  const { dataPath } = services.postgres;
  await services.postgres.stop();
  fs.rmSync(dataPath, { recursive: true, force: true });
  fs.rmSync(services.directory, { recursive: true, force: true });
}
