/** What is under way in one cluster, for bounds: the counters of /stats are the whole machine's. */
export class Load {
  attempts = 0;
  waiting = 0;
  retries = 0;
  connections = 0;
}
