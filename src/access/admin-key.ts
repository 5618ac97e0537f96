import { createHash, timingSafeEqual } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Injectable } from '@nestjs/common';
import { Environment } from '../platform/config/environment';
import { randomBase62 } from './api-key';

/** 40 characters of 62 are 238 random bits. */
const GENERATED_LENGTH = 40;

/** The bootstrap key of the management API: `GATEWAY_ADMIN_KEY`, or the one of the first start, kept in `first-run.json`. */
@Injectable()
export class AdminKey {
  private key: string | null;
  private readonly file: string;
  private readonly isGiven: boolean;

  constructor(environment: Environment) {
    this.file = path.join(environment.dataDir, 'first-run.json');
    this.isGiven = environment.adminKey !== undefined;
    this.key = environment.adminKey ?? keptKey(this.file);
  }

  /** Compares digests, in constant time. */
  matches(presented: string): boolean {
    // Another process of this machine may have made it after this one started.
    this.key ??= keptKey(this.file);
    return this.key !== null && timingSafeEqual(digest(presented), digest(this.key));
  }

  /** The key to keep in the file, made when there is none; null when the operator gave one. */
  forFirstRun(): string | null {
    if (this.isGiven) return null;
    this.key ??= `gwadmin_${randomBase62(GENERATED_LENGTH)}`;
    return this.key;
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

function keptKey(file: string): string | null {
  try {
    const kept = JSON.parse(fs.readFileSync(file, 'utf8')) as { admin_key?: unknown };
    return typeof kept.admin_key === 'string' && kept.admin_key.length >= 32 ? kept.admin_key : null;
  } catch {
    return null;
  }
}
