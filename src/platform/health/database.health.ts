import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { DatabaseInfo } from '../database/database-info';
import { HealthService } from './health.service';

/** Readiness asks the database a question. */
@Injectable()
export class DatabaseHealth {
  constructor(health: HealthService, @InjectDataSource() dataSource: DataSource, database: DatabaseInfo) {
    health.register('database', async () => {
      await dataSource.query('select 1');
      return database.kind;
    });
  }
}
