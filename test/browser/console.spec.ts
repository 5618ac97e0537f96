import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { UserRole } from '../../src/access';
import { launchChromium } from './support/chromium';
import { PASSWORD, startCompany, type Company } from './support/company';

jest.setTimeout(300_000);

const AXE_SOURCE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;
const THEMES = ['light', 'dark'] as const;
const ROLES = ['admin', 'auditor', 'member'] as const;

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: { readonly html: string; readonly failureSummary?: string }[];
}

/** Screenshots of every page are left here, to be looked at. */
const screenshots = process.env['CONSOLE_SCREENSHOTS'] ?? mkdtempSync(path.join(os.tmpdir(), 'console-'));

describe('the console in a browser', () => {
  let company: Company;
  let browser: Browser;

  beforeAll(async () => {
    mkdirSync(screenshots, { recursive: true });
    [company, browser] = await Promise.all([startCompany({ hasHistory: true }), launchChromium()]);
    process.stdout.write(`screenshots of the console: ${screenshots}\n`);
  });
  afterAll(async () => {
    await browser?.close();
    await company?.close();
  });

  const pagesOf = (role: UserRole): Record<string, string> => ({
    overview: '/admin?range=24h',
    requests: '/admin/requests',
    request: `/admin/requests/${role === 'member' ? company.requests.own : company.requests.fallback}`,
    usage: '/admin/usage',
    keys: '/admin/keys',
    key: `/admin/keys/${company.keys.own}`,
    account: '/admin/account',
    ...(role === 'member' ? {} : { teams: '/admin/teams', models: '/admin/models', settings: '/admin/settings' }),
    ...(role === 'admin' ? { 'key-new': '/admin/keys/new' } : {}),
    ...(role === 'member' ? { forbidden: '/admin/settings' } : {}),
  });

  /** What went wrong on a page: console errors, exceptions and violations of the content security policy. */
  function troublesOf(page: Page): string[] {
    const troubles: string[] = [];
    page.on('console', (message) => {
      const isExpected = /status of 40[13]/.test(message.text());
      if (message.type() === 'error' && !isExpected) troubles.push(`${page.url()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => troubles.push(`${page.url()}: ${error.message}`));
    return troubles;
  }

  async function signedIn(role: UserRole, theme: 'light' | 'dark', size: keyof typeof SIZES): Promise<BrowserContext> {
    const context = await browser.newContext({
      viewport: SIZES[size],
      colorScheme: theme,
      locale: 'en-US',
      baseURL: company.gateway.url,
    });
    const page = await context.newPage();
    await page.goto('/admin');
    await page.fill('#email', company.people[role].email);
    await page.fill('#password', PASSWORD);
    await page.click('button[type=submit]');
    await page.waitForURL('**/admin');
    await page.close();
    return context;
  }

  async function seriousProblems(page: Page): Promise<string[]> {
    // Not as a script of the page: its own policy would refuse that, and rightly.
    await page.evaluate(AXE_SOURCE);
    const options = { runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] } };
    const violations = await page.evaluate<Violation[]>(
      `axe.run(${JSON.stringify(options)}).then((result) => result.violations)`,
    );
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, nodes }) =>
          `${page.url()}: ${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary ?? ''}`).join(' | ')}`,
      );
  }

  const cases = ROLES.flatMap((role) =>
    THEMES.flatMap((theme) => (['wide', 'phone'] as const).map((size) => ({ role, theme, size }))),
  );

  it.each(cases)('shows $role every page, $theme, $size', async ({ role, theme, size }) => {
    const context = await signedIn(role, theme, size);
    const page = await context.newPage();
    const troubles = troublesOf(page);
    const problems: string[] = [];
    for (const [name, address] of Object.entries(pagesOf(role))) {
      const answer = await page.goto(address, { waitUntil: 'load' });
      expect(answer?.status()).toBe(name === 'forbidden' ? 403 : 200);
      const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      if (overflow > 0) problems.push(`${address}: wider than the screen by ${overflow} px`);
      await page.screenshot({ path: path.join(screenshots, `${name}-${role}-${theme}-${size}.png`), fullPage: true });
      problems.push(...(await seriousProblems(page)));
    }
    expect(problems).toEqual([]);
    expect(troubles).toEqual([]);
    await context.close();
  });

  it('can be used with the keyboard alone', async () => {
    const context = await signedIn('admin', 'light', 'wide');
    const page = await context.newPage();
    await page.goto('/admin');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await page.goto('/admin/keys/new');
    await page.focus('#name');
    await page.keyboard.type('made by keyboard');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#secret');
    expect(await page.inputValue('#secret')).toMatch(/^gw_\w{8}_\w+$/);
    await context.close();
  });

  it('opens and closes the navigation on a phone', async () => {
    const context = await signedIn('admin', 'dark', 'phone');
    const page = await context.newPage();
    await page.goto('/admin');
    expect(await page.isVisible('nav[aria-label=Main]')).toBe(false);
    await page.click('[data-nav-toggle]');
    await page.screenshot({ path: path.join(screenshots, 'navigation-phone.png') });
    await page.click('text=Models and providers');
    await page.waitForURL('**/admin/models');
    await context.close();
  });

  it('shows new requests by itself while live', async () => {
    const context = await signedIn('admin', 'light', 'wide');
    const page = await context.newPage();
    const troubles = troublesOf(page);
    await page.goto('/admin/requests?tail=1');
    const newest = page.locator('tbody tr').first().locator('a');
    const before = await newest.getAttribute('href');
    await fetch(`${company.gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${company.gateway.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Am I seen?' }] }),
    });
    await page.waitForSelector(`tbody tr:first-child a:not([href="${before ?? ''}"])`, { timeout: 20_000 });
    expect(troubles).toEqual([]);
    await context.close();
  });

  it('draws a chart of the table, and keeps the table', async () => {
    const context = await signedIn('admin', 'light', 'wide');
    const page = await context.newPage();
    await page.goto('/admin?range=24h');
    await page.waitForSelector('.chart canvas');
    expect(await page.locator('[data-chart-source] tbody tr').count()).toBe(24);
    await context.close();
  });

  it('works without scripts', async () => {
    const context = await browser.newContext({
      javaScriptEnabled: false,
      viewport: SIZES.phone,
      locale: 'en-US',
      baseURL: company.gateway.url,
    });
    const page = await context.newPage();
    await page.goto('/admin/requests');
    await page.fill('#email', company.people.member.email);
    await page.fill('#password', PASSWORD);
    await page.click('button[type=submit]');
    await page.waitForURL('**/admin/requests');
    expect(await page.isVisible('nav[aria-label=Main]')).toBe(true);
    expect(await page.locator('tbody tr').count()).toBeGreaterThan(5);
    await context.close();
  });
});
