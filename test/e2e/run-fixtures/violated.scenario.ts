import { givesBack } from './record.ts';

givesBack('this one violated', 'violated');
