/** A browser without a screen: keeps cookies, follows no redirect, and reads the token out of a page's forms. */
export class ConsoleClient {
  readonly cookies = new Map<string, string>();
  /** `Set-Cookie` lines of the last answer. */
  lastSetCookies: readonly string[] = [];

  constructor(private readonly url: string) {}

  async get(
    path: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; text: string; headers: Headers }> {
    return this.send('GET', path, headers);
  }

  /** Posts a form with a fresh token, as a browser on the same origin does; `headers` override what a browser sends. */
  async post(
    path: string,
    fields: Record<string, string | string[]> = {},
    { headers = {}, token }: { headers?: Record<string, string>; token?: string } = {},
  ): Promise<{ status: number; text: string; headers: Headers }> {
    const body = new URLSearchParams();
    body.set('_csrf', token ?? (await this.token()));
    for (const [name, value] of Object.entries(fields)) for (const each of [value].flat()) body.append(name, each);
    const sent = { origin: this.url, 'sec-fetch-site': 'same-origin', ...headers };
    return this.send('POST', path, { 'content-type': 'application/x-www-form-urlencoded', ...sent }, body.toString());
  }

  async token(): Promise<string> {
    // Both pages have a form, whoever is signed in.
    const { text } = await this.get('/admin/account');
    return /name="_csrf"\s+value="([^"]+)"/.exec(text)?.[1] ?? '';
  }

  async signIn(email: string, password: string): Promise<{ status: number; text: string; headers: Headers }> {
    return this.post('/admin/sign-in', { email, password });
  }

  private async send(method: string, path: string, headers: Record<string, string>, body?: string) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(this.url + path, {
      method,
      redirect: 'manual',
      headers: { ...(cookie === '' ? {} : { cookie }), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    this.lastSetCookies = response.headers.getSetCookie();
    for (const line of this.lastSetCookies) {
      const [pair = ''] = line.split(';');
      const [name = '', value = ''] = pair.split(/=(.*)/s);
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return { status: response.status, text: await response.text(), headers: response.headers };
  }
}
