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

/** Every script and style of the console, from our own origin. Their names carry a digest, so browsers keep them for ever. */
@Injectable()
export class Assets {
  private readonly files = new Map<string, Asset>();
  /** By the name that templates use. */
  readonly urls: Readonly<Record<string, string>>;

  constructor() {
    this.urls = {
      style: this.add(path.join(OWN, 'console.css'), STYLE),
      script: this.add(path.join(OWN, 'console.js'), JAVASCRIPT),
      playground: this.add(path.join(OWN, 'playground.js'), JAVASCRIPT),
      icon: this.add(path.join(OWN, 'icon.svg'), 'image/svg+xml'),
      chart: this.add(require.resolve('uplot/dist/uPlot.iife.min.js'), JAVASCRIPT),
      chartStyle: this.add(require.resolve('uplot/dist/uPlot.min.css'), STYLE),
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

  private add(file: string, type: string): string {
    const body = fs.readFileSync(file);
    const digest = createHash('sha256').update(body).digest('base64url').slice(0, 12);
    const url = `${ROOT}${digest}/${path.basename(file)}`;
    this.files.set(url, { body, type });
    return url;
  }
}
