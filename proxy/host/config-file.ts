/** The configuration file: YAML or JSON, checked with place and fix in the message, in the shape of the flags. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { SidecarError } from '../policy/trouble.ts';
import type { RawOptions } from './options.ts';

const milliseconds = z.number().min(0);
const count = z.int().min(0);

const number = z.number({ error: 'a limit is a number' });
/** Names and ranges are checked with those of the flags. */
const limits = z.record(z.string(), z.union([number, z.record(z.string(), number)]));

const schema = z.strictObject({
  listen: z.string().optional(),
  upstream: z.union([z.string(), z.array(z.string())]).optional(),
  endpoints: z.string().optional(),
  balancer: z.literal('round_robin').optional(),
  workers: count.optional(),
  admin: z.string().optional(),
  tls: z.strictObject({ cert: z.string(), key: z.string() }).optional(),
  upstreamTls: z
    .union([z.boolean(), z.strictObject({ ca: z.string().optional(), serverName: z.string().optional() })])
    .optional(),
  tag: z.union([z.string(), z.boolean()]).optional(),
  drainMs: milliseconds.optional(),
  health: z
    .strictObject({
      intervalMs: milliseconds,
      timeoutMs: milliseconds.optional(),
      unhealthyThreshold: count.optional(),
      healthyThreshold: count.optional(),
      service: z.string().optional(),
    })
    .optional(),
  retry: z
    .strictObject({
      attempts: count.optional(),
      retryableStatuses: z.array(z.int().min(1).max(16)).optional(),
      budget: z.number().min(0).optional(),
      budgetMinConcurrent: count.optional(),
      backoffBaseMs: milliseconds.optional(),
      backoffMaxMs: milliseconds.optional(),
      perTryTimeoutMs: milliseconds.optional(),
      bufferBytesMax: count.optional(),
    })
    .optional(),
  timeout: z.strictObject({ callMs: milliseconds.optional(), connectMs: milliseconds.optional() }).optional(),
  limits: limits.optional(),
});

/** Reads and checks it. Relative paths in it count from its own folder. Throws a SidecarError. */
export function readConfigFile(file: string): RawOptions {
  const place = resolve(file);
  const value = load(place);
  const result = schema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    const path = issue === undefined || issue.path.length === 0 ? 'the top level' : issue.path.join('.');
    throw new SidecarError(
      'MW_CONFIG',
      `the configuration is wrong at ${path}: ${issue?.message ?? 'it does not fit'}`,
      {
        place,
        remedy: `known keys: ${Object.keys(schema.shape).join(', ')}`,
      },
    );
  }
  const { health, retry, timeout, upstream, tag, endpoints, tls, upstreamTls, ...rest } = result.data;
  const beside = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(dirname(place), path);
  const upstreamPair = typeof upstreamTls === 'object' ? upstreamTls : {};
  const upstreamText = Array.isArray(upstream) ? upstream.join(',') : upstream;
  return {
    listen: rest.listen,
    upstream: upstreamText,
    endpoints: beside(endpoints),
    balancer: rest.balancer,
    workers: text(rest.workers),
    admin: rest.admin,
    'tls-cert': beside(tls?.cert),
    'tls-key': beside(tls?.key),
    'upstream-tls': upstreamTls === undefined ? undefined : upstreamTls !== false,
    'upstream-ca': beside(upstreamPair.ca),
    'upstream-server-name': upstreamPair.serverName,
    tag: tag === false ? undefined : tag,
    'drain-ms': text(rest.drainMs),
    'health-interval-ms': text(health?.intervalMs),
    'health-timeout-ms': text(health?.timeoutMs),
    'health-unhealthy': text(health?.unhealthyThreshold),
    'health-healthy': text(health?.healthyThreshold),
    'health-service': health?.service,
    'retry-attempts': text(retry?.attempts),
    'retry-on': retry?.retryableStatuses?.join(','),
    'retry-budget': text(retry?.budget),
    'retry-budget-min': text(retry?.budgetMinConcurrent),
    'retry-backoff-base-ms': text(retry?.backoffBaseMs),
    'retry-backoff-max-ms': text(retry?.backoffMaxMs),
    'per-try-timeout-ms': text(retry?.perTryTimeoutMs),
    'retry-buffer-bytes': text(retry?.bufferBytesMax),
    'call-timeout-ms': text(timeout?.callMs),
    'connect-timeout-ms': text(timeout?.connectMs),
    limit: limitsText(rest.limits ?? {}),
  };
}

function text(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

/** As `--limit` has them. */
function limitsText(given: z.infer<typeof limits>): string | undefined {
  const items = Object.entries(given).flatMap(([name, value]) =>
    typeof value === 'number'
      ? [`${name}=${value}`]
      : Object.entries(value).map(([inner, amount]) => `${name}.${inner}=${amount}`),
  );
  return items.length === 0 ? undefined : items.join(',');
}

function load(place: string): unknown {
  let content: string;
  try {
    content = readFileSync(place, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const what = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw new SidecarError('MW_CONFIG', `the configuration file ${what}`, {
      place,
      remedy: 'check the path after --config',
    });
  }
  try {
    return parse(content, { maxAliasCount: 0 }) ?? {};
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
    throw new SidecarError('MW_CONFIG', `the configuration file is neither YAML nor JSON: ${reason}`, {
      place,
      remedy: 'mend the line that the message names',
    });
  }
}
