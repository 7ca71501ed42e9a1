/** Reads settings by a table of what each may be: unknown ones and values out of range are refused with what would do. */
import { scenarioError, show } from '../faults/params.ts';

/** A setting: its range, a choice of words, a yes or no, a text, a list of statuses, or a section of settings. */
export type Setting =
  | readonly [min: number, max: number]
  | readonly string[]
  | 'flag'
  | 'text'
  | 'statuses'
  | Section;
export interface Section {
  readonly [name: string]: Setting;
}

export function readSection(given: unknown, settings: Section, path: string, place: string): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw scenarioError(`'${path}' is ${show(given)}`, place, `write ${path}: { … }`);
  }
  for (const [key, value] of Object.entries(given)) {
    const setting = settings[key];
    if (setting === undefined) {
      const known = Object.keys(settings).join(', ');
      throw scenarioError(`there is no setting '${path}.${key}'`, place, `it has ${known}`);
    }
    if (value !== undefined) readSetting(value, setting, `${path}.${key}`, place);
  }
}

export function readSetting(value: unknown, setting: Setting, path: string, place: string): void {
  const wrong = (wanted: string): never => {
    throw scenarioError(`'${path}' is ${show(value)}`, place, `give ${wanted}`);
  };
  if (setting === 'flag') {
    if (typeof value !== 'boolean') wrong('true or false');
  } else if (setting === 'text') {
    if (typeof value !== 'string') wrong('a text');
  } else if (setting === 'statuses') {
    const isStatus = (one: unknown): boolean =>
      Number.isInteger(one) && Number(one) >= 1 && Number(one) <= 16;
    if (!Array.isArray(value) || !value.every(isStatus)) wrong('grpc-status numbers from 1 to 16');
  } else if (!Array.isArray(setting)) {
    readSection(value, setting as Section, path, place);
  } else if (typeof setting[0] === 'string') {
    if (!setting.includes(value as never)) wrong(`one of ${setting.join(', ')}`);
  } else {
    const [min, max] = setting as unknown as readonly [number, number];
    if (typeof value !== 'number' || !(value >= min && value <= max)) wrong(`a number from ${min} to ${max}`);
  }
}
