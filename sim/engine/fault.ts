/** `fault.*`: what there is beside the menu of `at(time)`. */
import { FAULT_KINDS } from '../faults/index.ts';
import { arbitraryFaults } from './arbitrary.ts';

export const fault = {
  /** Names of all faults. */
  kinds: FAULT_KINDS,
  /** A fast-check arbitrary of fault plans. */
  arbitrary: arbitraryFaults,
} as const;
