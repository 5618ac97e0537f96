import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Injectable } from '@nestjs/common';
import type { RequestHandler } from 'express';

interface Asset {
  readonly body: Buffer;
  readonly type: string;
}

const OWN = path.join(__dirname, '..', 'assets');
const JAVASCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';
const ROOT = '/admin/assets/';
/** In this order: what comes later wins. */
const STYLES = ['base', 'frame', 'surfaces', 'tables', 'trace', 'charts', 'forms', 'pages', 'screens'];

/** Every script and style of the console, from our own origin. Their names carry a digest, so browsers keep them for ever. */
@Injectable()
export class Assets {
  private readonly files = new Map<string, Asset>();
  /** By the name that templates use. */
  readonly urls: Readonly<Record<string, string>>;

  constructor() {
    this.urls = {
      style: this.add('console.css', STYLE, ...STYLES.map((name) => path.join(OWN, 'styles', `${name}.css`))),
      script: this.add('console.js', JAVASCRIPT, path.join(OWN, 'console.js')),
      playground: this.add('playground.js', JAVASCRIPT, path.join(OWN, 'playground.js')),
      icon: this.add('icon.svg', 'image/svg+xml', path.join(OWN, 'icon.svg')),
      chart: this.add('uplot.js', JAVASCRIPT, require.resolve('uplot/dist/uPlot.iife.min.js')),
      chartStyle: this.add('uplot.css', STYLE, require.resolve('uplot/dist/uPlot.min.css')),
    };
  }

  readonly middleware: RequestHandler = (request, response, next) => {
    const asset = this.files.get(request.originalUrl);
    if (!asset || request.method !== 'GET') {
      next();
      return;
    }
    response.setHeader('cache-control', 'public, max-age=31536000, immutable');
    response.setHeader('content-type', asset.type);
    response.end(asset.body);
  };

  /** Several files are one asset: written by topic, fetched at once. */
  private add(name: string, type: string, ...files: string[]): string {
    const body = Buffer.concat(files.map((file) => fs.readFileSync(file)));
    const digest = createHash('sha256').update(body).digest('base64url').slice(0, 12);
    const url = `${ROOT}${digest}/${name}`;
    this.files.set(url, { body, type });
    return url;
  }
}
