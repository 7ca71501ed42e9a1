/** All processes of a run: what starts them, watches over them and ends them together. */
import { MeshwrightError } from '../../base/errors.ts';
import { Child, type ChildOptions } from './child.ts';

export class ProcessTable {
  readonly #children = new Set<Child>();
  #closed = false;
  readonly #common: Pick<ChildOptions, 'runId' | 'folder' | 'onDeath'>;

  constructor(runId: string, folder: string, onDeath: (error: MeshwrightError) => void) {
    this.#common = { runId, folder, onDeath };
  }

  /** Throws MW_INTERRUPTED once the run is being stopped: nothing may be born then. */
  start(options: Omit<ChildOptions, 'runId' | 'folder' | 'onDeath'>): Child {
    if (this.#closed) {
      throw new MeshwrightError(
        'MW_INTERRUPTED',
        `${options.name} was not started: the run is being stopped`,
      );
    }
    const child = new Child({ ...options, ...this.#common });
    this.#children.add(child);
    void child.exited.then(() => this.#children.delete(child));
    return child;
  }

  /** SIGTERM to all, SIGKILL to those that are still there after the deadline. */
  async stopAll(deadlineMs: number): Promise<void> {
    this.close();
    await Promise.all([...this.#children].map((child) => child.stop(deadlineMs)));
  }

  /** From now on nothing starts, and the end of any child is no failure. */
  close(): void {
    this.#closed = true;
    for (const child of this.#children) child.expectExit();
  }
}
