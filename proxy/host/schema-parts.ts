/** What the parts of the configuration file's schema are made of. Numbers have the ranges of the one table, by their key. */
import { z } from 'zod';
import { RANGES, type Range, type RangeName, rangeText } from './ranges.ts';

export const text = (what: string) => z.string().describe(what).optional();

/** A number that must be given. */
export function neededAmount(key: RangeName, what: string) {
  return within(RANGES[key], key.endsWith('Ms') ? `${what}, in milliseconds` : what);
}

export function within(range: Range, what: string) {
  const error = (issue: { input?: unknown }): string | undefined =>
    issue.input === undefined ? undefined : `${JSON.stringify(issue.input)} is not ${rangeText(range)}`;
  const kind = range.isWhole ? z.int({ error }) : z.number({ error });
  return kind.min(range.least, { error }).max(range.most, { error }).describe(what);
}

export const amount = (key: RangeName, what: string) => neededAmount(key, what).optional();

export const statuses = (what: string) =>
  z
    .array(z.int().min(1).max(16))
    .min(1, { error: 'give at least one grpc-status number' })
    .describe(what)
    .optional();
