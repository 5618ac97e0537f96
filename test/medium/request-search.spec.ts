import { DataSource } from 'typeorm';
import { RequestSearch } from '../../src/billing/request-search';
import { SystemClock } from '../../src/platform/clock';
import { dataSourceFor } from './billing.support';
