/** `check.*`: the properties a scenario can ask for. One property per file. */
import { noLostRequests } from './no-lost-requests.ts';

export const check = { noLostRequests } as const;
