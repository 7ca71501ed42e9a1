import { givesBack } from './record.ts';

givesBack('this one holds', 'holds');
