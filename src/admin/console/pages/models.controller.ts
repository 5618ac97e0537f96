import { Get, Res } from '@nestjs/common';
import type { Response } from 'express';
import { FileLiveConfig } from '../../../platform/config/file-live-config';
import { ProviderRegistry } from '../../../providers';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { Pages } from '../render/pages';

interface ProviderEntry {
  readonly priority?: unknown;
  readonly models?: unknown;
  readonly base_url?: unknown;
}

@ConsoleController('models')
export class ModelsPageController {
  constructor(
    private readonly pages: Pages,
    private readonly providers: ProviderRegistry,
    private readonly config: FileLiveConfig,
  ) {}

  @Get()
  @Permit('routing.read')
  list(@Res() response: Response): void {
    const entries = entriesOf(this.config.effective()['providers']);
    this.pages.show(response, 'models', {
      title: 'Models and providers',
      providers: this.providers.providers
        .map(({ name, type }) => ({
          name,
          type,
          priority: Number(entries[name]?.priority ?? 0),
          models: Array.isArray(entries[name]?.models) ? entries[name].models.map(String) : [],
          address: typeof entries[name]?.base_url === 'string' ? entries[name].base_url : null,
        }))
        .sort((left, right) => left.priority - right.priority),
      models: this.providers.modelNames.map((name) => ({
        name,
        targets: (this.providers.targetsOf(name) ?? []).map(({ provider, model }, index) => ({
          provider,
          model,
          isFallback: index > 0,
        })),
      })),
    });
  }
}

const entriesOf = (section: unknown): Readonly<Record<string, ProviderEntry>> =>
  typeof section === 'object' && section !== null ? (section as Record<string, ProviderEntry>) : {};
