import { givesBack } from './record.ts';

givesBack('this one inconclusive', 'inconclusive');
