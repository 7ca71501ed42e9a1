/** Processor time of a sidecar over its processes, from what their traces tell. */

interface Sample {
  tNs: number;
  micros: number;
}

export class CpuSamples {
  /** Cumulative, one list for each process. */
  readonly #processes: Sample[][] = [];

  /** A new process; what it tells goes to the function returned. */
  process(): (tNs: number, micros: number) => void {
    const samples: Sample[] = [];
    this.#processes.push(samples);
    return (tNs, micros) => samples.push({ tNs, micros });
  }

  /** Between two moments of the run, by interpolation, in µs; null when too little was told. */
  between(fromNs: number, toNs: number): number | null {
    const told = this.#processes.filter((samples) => samples.length >= 2);
    if (told.length === 0) return null;
    return Math.round(told.reduce((sum, samples) => sum + cpuAt(samples, toNs) - cpuAt(samples, fromNs), 0));
  }
}

function cpuAt(samples: readonly Sample[], tNs: number): number {
  let before = samples[0] as Sample;
  for (const sample of samples) {
    if (sample.tNs > tNs) {
      const share = (tNs - before.tNs) / Math.max(1, sample.tNs - before.tNs);
      return before.micros + (sample.micros - before.micros) * Math.min(1, Math.max(0, share));
    }
    before = sample;
  }
  return before.micros;
}
