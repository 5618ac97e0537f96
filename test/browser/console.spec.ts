import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { UserRole } from '../../src/access';
import { guarantee } from '../support/guarantee';
import { until } from '../support/until';
import { launchChromium } from './support/chromium';
import { PASSWORD, startCompany, type Company } from './support/company';

jest.setTimeout(300_000);

const AXE_SOURCE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;
type Theme = 'light' | 'dark';
type Look = readonly [Theme, keyof typeof SIZES];
/** One change from each to the next. */
const LOOKS: readonly Look[] = [
  ['light', 'wide'],
  ['dark', 'wide'],
  ['dark', 'phone'],
  ['light', 'phone'],
];
/** Contrast is a matter of the theme, size and order of the width: two looks see all of it, and one what a role alone sees. */
const isAudited = (role: UserRole, [theme, size]: Look): boolean =>
  (theme === 'dark' && size === 'phone') || (role === 'admin' && theme === 'light' && size === 'wide');
const ROLES = ['admin', 'auditor', 'team_lead', 'member'] as const;
/** A chart is drawn anew a moment after its page has another width. */
const CHARTS_FIT = `[...document.querySelectorAll('.chart')].every((box) => {
  const drawn = box.querySelector('.uplot');
  return drawn === null || Math.abs(drawn.clientWidth - box.clientWidth) < 2;
})`;

/** As a date field writes it. */
const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

const HOSTILE = `"><img src=x onerror=alert(1)>{{7*7}}<script>alert(2)</script>'`;

interface Made {
  readonly id: string;
  readonly secret?: string;
}

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
    [company, browser] = await Promise.all([startCompany({ hasHistory: true, keepsPrompts: true }), launchChromium()]);
    process.stdout.write(`screenshots of the console: ${screenshots}\n`);
  });
  afterAll(async () => {
    await browser?.close();
    await company?.close();
  });

  const mayRead = (role: UserRole): boolean => role === 'admin' || role === 'auditor';
  const pagesOf = (role: UserRole): Record<string, string> => ({
    overview: '/admin?range=24h',
    requests: '/admin/requests',
    request: `/admin/requests/${mayRead(role) ? company.requests.fallback : company.requests.own}`,
    usage: '/admin/usage',
    budgets: '/admin/budgets',
    budget: `/admin/budgets/${company.budgets.own}`,
    limits: `/admin/limits?of=${mayRead(role) ? 'model' : 'key'}`,
    keys: '/admin/keys',
    key: `/admin/keys/${company.keys.own}`,
    account: '/admin/account',
    ...(role === 'member'
      ? {}
      : {
          teams: '/admin/teams',
          team: `/admin/teams/${company.teams.search}`,
          user: `/admin/teams/users/${company.people.member.id}`,
          department: `/admin/teams/departments/${company.department}`,
        }),
    content: `/admin/requests/${company.requests.own}/content`,
    ...(mayRead(role)
      ? {
          models: '/admin/models',
          prices: '/admin/prices?search=gpt-4o',
          alerts: '/admin/alerts',
          webhook: `/admin/alerts/${company.webhook}`,
          cache: '/admin/cache',
          audit: '/admin/audit',
          settings: '/admin/settings',
        }
      : { forbidden: '/admin/settings' }),
    ...(role === 'auditor' ? {} : { playground: '/admin/playground' }),
    ...(role === 'admin' || role === 'team_lead' ? { 'key-new': '/admin/keys/new' } : {}),
    ...(role === 'admin' || role === 'team_lead' ? { 'budget-new': '/admin/budgets/new' } : {}),
    ...(role === 'admin' ? { 're-rating': '/admin/prices/re-rate', 'price-import': '/admin/prices/import' } : {}),
    ...(role === 'admin' ? { 'own-days': `/admin?from=${day(-1)}&to=${day(0)}` } : {}),
  });

  /** What went wrong on a page: console errors, exceptions and violations of the content security policy. */
  function troublesOf(page: Page): string[] {
    const troubles: string[] = [];
    page.on('console', (message) => {
      const isExpected = /status of 40[013]/.test(message.text());
      if (message.type() === 'error' && !isExpected) troubles.push(`${page.url()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => troubles.push(`${page.url()}: ${error.message}`));
    return troubles;
  }

  async function signedIn(
    role: UserRole,
    theme: Theme = 'light',
    size: keyof typeof SIZES = 'wide',
  ): Promise<BrowserContext> {
    const context = await browser.newContext({
      viewport: SIZES[size],
      colorScheme: theme,
      locale: 'en-US',
      baseURL: company.gateway.url,
    });
    const page = await context.newPage();
    await page.goto('/admin/account');
    await page.fill('#email', company.people[role].email);
    await page.fill('#password', PASSWORD);
    await page.click('button[type=submit]');
    await page.waitForURL('**/admin/account');
    await page.close();
    return context;
  }

  async function seriousProblems(page: Page): Promise<string[]> {
    // Not as a script of the page: its own policy would refuse that, and rightly.
    if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(AXE_SOURCE);
    const options = {
      runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] },
      resultTypes: ['violations'],
    };
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

  /** The page as it stands, in this theme and at this size: what is wrong with it, and a picture of it. */
  async function inspect(page: Page, name: string, [theme, size]: Look): Promise<string[]> {
    await page.setViewportSize(SIZES[size]);
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    await until(() => page.evaluate<boolean>(CHARTS_FIT));
    const problems: string[] = [];
    const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    if (overflow > 0) problems.push(`${page.url()}: wider than the screen by ${overflow} px (${size})`);
    await page.screenshot({
      path: path.join(screenshots, `${name}-${theme}-${size}.png`),
      fullPage: true,
      animations: 'disabled',
    });
    return problems;
  }

  it.each(ROLES)('shows %s every page, light and dark, wide and on a phone', async (role) => {
    const context = await signedIn(role);
    const page = await context.newPage();
    const troubles = troublesOf(page);
    const problems: string[] = [];
    for (const [name, address] of Object.entries(pagesOf(role))) {
      const answer = await page.goto(address, { waitUntil: 'load' });
      expect(answer?.status()).toBe(name === 'forbidden' ? 403 : 200);
      for (const look of LOOKS) {
        problems.push(...(await inspect(page, `${name}-${role}`, look)));
        if (isAudited(role, look)) problems.push(...(await seriousProblems(page)));
      }
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

  it('streams an answer into the playground, with its trace beside it', async () => {
    const context = await signedIn('member');
    const page = await context.newPage();
    const troubles = troublesOf(page);
    await page.goto('/admin/playground?model=gpt-4o');
    await page.fill('#temperature', '9');
    await page.fill('#prompt', 'Tell me about rivers.');
    await page.click('text=Send');
    await page.waitForSelector('#temperature-error');
    expect(await page.textContent('#temperature-error')).toBe('A number from 0 to 2.');
    expect(await page.inputValue('#prompt')).toBe('Tell me about rivers.');
    await page.fill('#temperature', '0.5');
    await page.click('text=Send');
    await page.waitForSelector('[data-trace] #trace .waterfall');
    expect((await page.textContent('[data-answer]'))?.length).toBeGreaterThan(20);
    expect(await page.textContent('[data-status]')).toMatch(/first token .* tokens in, \d+ out · \$/);
    await page.screenshot({ path: path.join(screenshots, 'playground-answer.png'), fullPage: true });
    expect(await seriousProblems(page)).toEqual([]);
    expect(troubles).toEqual([]);
    await context.close();
  });

  it('reads a chosen price file into the form, and shows what it would change', async () => {
    const context = await signedIn('admin');
    const page = await context.newPage();
    const troubles = troublesOf(page);
    await page.goto('/admin/prices');
    await page.click('text=Import a price file');
    const file = {
      'openai/gpt-4o': {
        input_cost_per_token: 3e-6,
        output_cost_per_token: 1.2e-5,
        input_cost_per_token_batches: 1e-6,
      },
      'house-model': { input_cost_per_token: 1e-6, output_cost_per_token: 2e-6 },
      'dall-e-3': { output_cost_per_image: 0.04 },
    };
    const choose = (buffer: Buffer): Promise<void> =>
      page.setInputFiles('#chosen', { name: 'prices.json', mimeType: 'application/json', buffer });
    await choose(Buffer.alloc(11_000_000, ' '));
    await page.waitForSelector('#chosen-note:has-text("Nothing was read")');
    await choose(Buffer.from(JSON.stringify(file, null, 2)));
    await page.waitForSelector('#chosen-note:has-text("prices.json was read")');
    await page.click('text=Preview');
    await page.waitForSelector('#result del');
    const problems: string[] = [];
    for (const look of LOOKS) {
      problems.push(...(await inspect(page, 'price-import-preview', look)), ...(await seriousProblems(page)));
    }
    await page.click('text=Import 2 prices');
    await page.waitForSelector('text=2 prices imported.');
    problems.push(...(await inspect(page, 'price-import-applied', ['light', 'wide'])));
    for (const model of ['openai/gpt-4o', 'house-model']) {
      await company.gateway.admin('DELETE', `/prices/${encodeURIComponent(model)}`);
    }
    expect(problems).toEqual([]);
    expect(troubles).toEqual([]);
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

  it('lets no page of another origin act for who is signed in', async () => {
    const { gateway } = company;
    const page = await (await signedIn('admin')).newPage();
    const attacker = createServer((_, response) =>
      response.setHeader('content-type', 'text/html').end('<title>evil</title>'),
    );
    await new Promise<void>((resolve) => {
      attacker.listen(0, () => resolve());
    });
    const { port } = attacker.address() as AddressInfo;
    const acts = [
      ['/admin/teams/departments', 'name=stolen'],
      [`/admin/keys/${company.keys.own}/revoke`, ''],
      [`/admin/keys/${company.keys.own}/disable`, ''],
      [`/admin/budgets/${company.budgets.own}/delete`, ''],
      [`/admin/teams/${company.teams.search}`, 'name=stolen&store_content=on'],
      ['/admin/account/sign-out-everywhere', ''],
      ['/api/v1/departments', 'name=stolen'],
    ] as const;
    const stateOf = async (): Promise<string> => {
      // The log has whatever anybody changes.
      const lists = ['/departments', '/teams', '/audit?limit=200'].map((route) => gateway.admin('GET', route));
      return JSON.stringify((await Promise.all(lists)).map(({ body }) => body));
    };
    const before = await stateOf();
    let attempts = 0;
    // Another port of the same host is the same site to a browser, which sends the cookie along; another name is not.
    for (const host of ['127.0.0.1', 'localhost']) {
      for (const [path, body] of acts) {
        await page.goto(`http://${host}:${port}/`);
        const target = JSON.stringify(gateway.url + path);
        const sent = `{ method: 'POST', mode: 'no-cors', credentials: 'include', body: new URLSearchParams(${JSON.stringify(body)}) }`;
        await page.evaluate(`fetch(${target}, ${sent}).then(() => true, () => false)`);
        await page.evaluate(
          `fetch(${target} + '?' + ${JSON.stringify(body)}, { mode: 'no-cors', credentials: 'include' }).then(() => true, () => false)`,
        );
        const fields = [...new URLSearchParams(body)]
          .map(([name, value]) => `<input name="${name}" value="${value}">`)
          .join('');
        await page.setContent(`<form method="post" action=${target}>${fields}</form>`);
        await Promise.all([
          page.waitForURL((url) => url.port !== String(port)),
          page.evaluate('document.forms[0].submit()'),
        ]);
        attempts += 3;
      }
      await page.goto(`http://${host}:${port}/`);
      await page.setContent(`<iframe src="${gateway.url}/admin/keys/new"></iframe>`);
      await until(() => page.frames().length > 1 && page.frames()[1]?.url() !== 'about:blank');
      expect(await page.frames()[1]?.locator('form').count()).toBe(0);
    }
    expect(await stateOf()).toBe(before);
    await page.goto('/admin/account');
    expect(await page.textContent('main')).toContain(company.people.admin.email);
    attacker.close();
    attacker.closeAllConnections();
    await page.context().close();
    guarantee(
      'ADM-5',
      `0 changes in ${attempts} attempts by pages of another port and of another host in Chromium; no page can be framed`,
    );
  });

  // Last: the names it leaves behind are no sight for a picture.
  it('runs no script that a user wrote', async () => {
    const { admin } = company.gateway;
    const department = await admin('POST', '/departments', { name: HOSTILE });
    const team = await admin('POST', '/teams', { name: HOSTILE, department_id: (department.body as Made).id });
    const teamId = (team.body as Made).id;
    await admin('POST', '/users', { email: 'evil@example.com', name: HOSTILE, role: 'member', team_ids: [teamId] });
    const key = await admin('POST', '/keys', { name: HOSTILE, team_id: teamId });
    const request = await company.call({ key: (key.body as Made).secret ?? '', model: HOSTILE, text: HOSTILE });
    await company.gateway.recordOf(request);
    const context = await signedIn('admin');
    const page = await context.newPage();
    const troubles = troublesOf(page);
    page.on('dialog', (dialog) => {
      troubles.push(`${page.url()}: a dialog opened`);
      void dialog.dismiss();
    });
    const addresses = Object.values({
      ...pagesOf('admin'),
      hostileRequest: `/admin/requests/${request}`,
      hostileKey: `/admin/keys/${(key.body as Made).id}`,
      search: `/admin/requests?model=${encodeURIComponent(HOSTILE)}&status=${encodeURIComponent(HOSTILE)}`,
    });
    let shown = 0;
    for (const address of addresses) {
      await page.goto(address, { waitUntil: 'load' });
      if ((await page.content()).includes('onerror=')) shown += 1;
      expect(await page.locator('main img').count()).toBe(0);
    }
    expect(shown).toBeGreaterThan(5);
    expect(troubles).toEqual([]);
    guarantee('ADM-6', `0 scripts run, 0 violations on ${addresses.length} pages, ${shown} of them with a payload`);
    await context.close();
  });
});
