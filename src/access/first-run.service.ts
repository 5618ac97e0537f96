import fs from 'node:fs';
import path from 'node:path';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { newId } from '../core/ids';
import { Clock } from '../platform/clock';
import { Environment } from '../platform/config/environment';
import { Secrets } from '../platform/secrets/secrets';
import { AdminKey } from './admin-key';
import { generateApiKey, hmacOfKey, randomBase62 } from './api-key';
import { ApiKey } from './entities/api-key.entity';
import { Department } from './entities/department.entity';
import { Team } from './entities/team.entity';
import { User, UserTeam } from './entities/user.entity';
import { hashPassword } from './password';

/** What the first start makes up, and shows once. */
export interface FirstRun {
  readonly adminEmail: string;
  /** Null when the operator chose it: it is not repeated. */
  readonly generatedPassword: string | null;
  readonly apiKey: string;
}

/** Replicas that start together on an empty database take turns. */
const FIRST_RUN_LOCK = 7_274_012;
const DEFAULT_EMAIL = 'admin@localhost';
const PASSWORD_LENGTH = 20;

/** Gives an empty database a department, a team, the first user and a key to try things with. */
@Injectable()
export class FirstRunService implements OnModuleInit {
  private readonly logger = new Logger('FirstRun');
  private made: FirstRun | null = null;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly environment: Environment,
    private readonly secrets: Secrets,
    private readonly adminKey: AdminKey,
    private readonly clock: Clock,
  ) {}

  /** What to show in the banner; null on every start but the first. */
  get result(): FirstRun | null {
    return this.made;
  }

  async onModuleInit(): Promise<void> {
    if (await this.dataSource.getRepository(User).exists()) return;
    // Before the lock: it takes a second of one core.
    const password = this.environment.adminPassword ?? randomBase62(PASSWORD_LENGTH);
    const passwordHash = await hashPassword(password);
    await this.dataSource.transaction(async (manager) => {
      await manager.query('select pg_advisory_xact_lock($1)', [FIRST_RUN_LOCK]);
      if (await manager.exists(User)) return;
      const { email, secret } = await this.seed(manager, passwordHash);
      const generatedPassword = this.environment.adminPassword === undefined ? password : null;
      this.writeFile({ email, generatedPassword, apiKey: secret });
      this.made = { adminEmail: email, generatedPassword, apiKey: secret };
    });
  }

  private async seed(manager: EntityManager, passwordHash: string): Promise<{ email: string; secret: string }> {
    const now = this.clock.now();
    const createdAt = new Date(now);
    const open = { limits: null, allowedModels: null, createdAt };
    const department = { id: newId('dep', now), name: 'Default', createdAt };
    const team = { ...open, id: newId('team', now), name: 'Default', departmentId: department.id };
    const email = (this.environment.adminEmail ?? DEFAULT_EMAIL).toLowerCase();
    const user = {
      ...open,
      id: newId('user', now),
      email,
      name: 'Administrator',
      role: 'admin' as const,
      passwordHash,
    };
    await manager.insert(Department, department);
    await manager.insert(Team, team);
    await manager.insert(User, user);
    await manager.insert(UserTeam, { userId: user.id, teamId: team.id });
    const { key: secret, publicId } = generateApiKey();
    const hmac = hmacOfKey(this.secrets.apiKeyPepper, secret);
    const owner = { userId: user.id, teamId: team.id };
    await manager.insert(ApiKey, {
      ...open,
      ...owner,
      id: newId('key', now),
      publicId,
      hmac,
      name: 'demo',
      scopes: ['inference'],
    });
    return { email, secret };
  }

  /** Inside the transaction: secrets that cannot be kept are never made. */
  private writeFile(made: { email: string; generatedPassword: string | null; apiKey: string }): void {
    const file = path.join(this.environment.dataDir, 'first-run.json');
    const content = {
      admin_email: made.email,
      // What the operator gave himself he has already: null, and one copy of a secret less.
      admin_password: made.generatedPassword,
      api_key: made.apiKey,
      admin_key: this.adminKey.forFirstRun(),
    };
    fs.mkdirSync(this.environment.dataDir, { recursive: true, mode: 0o711 });
    fs.rmSync(file, { force: true });
    fs.writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
    this.logger.log(`First start: the secrets it made are in ${file}`);
  }
}
