import { spawnSync } from 'node:child_process';
import sparticuz from '@sparticuz/chromium';
import { chromium, type Browser } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

const HOW = `Chromium cannot be started. On Debian and Ubuntu: apt-get install -y libnss3. On others: the package with libnss3.so.`;

/** Chromium without a window. When a library is missing and we are root on Debian, it is installed. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = await sparticuz.executablePath();
  const launch = (): Promise<Browser> => chromium.launch({ executablePath, args: FLAGS, headless: true });
  try {
    return await launch();
  } catch (error) {
    if (!/shared librar/.test(String(error)) || !installed()) throw new Error(HOW, { cause: error });
    return launch();
  }
}

function installed(): boolean {
  if (process.getuid?.() !== 0) return false;
  const quiet = { stdio: 'ignore', timeout: 120_000 } as const;
  spawnSync('apt-get', ['update', '-qq'], quiet);
  return spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'libnss3'], quiet).status === 0;
}
