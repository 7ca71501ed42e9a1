/** What a configuration file may say about clusters and routes: the part of the schema that is made of its other parts. */
import { z } from 'zod';
import { text } from './schema-parts.ts';

const STAR = "exact, or with a star at one end: 'abc*', '*abc'; '*' is anything that is there";

/** `cluster`, `own`: what a cluster, and what a route, may have of its own. */
export function routingShape<C extends z.ZodType, O extends z.ZodRawShape>(cluster: C, own: O) {
  return {
    clusters: z
      .record(z.string(), cluster)
      .describe('further sets of endpoints by name; a section that one leaves out is that of the file')
      .optional(),
    routes: routesSchema(own)
      .describe(
        "the first that matches takes the call; none: UNIMPLEMENTED. The endpoints outside of clusters are the cluster 'default'",
      )
      .optional(),
  };
}

/** `own`: sections that a route may have of its own. */
export function routesSchema<O extends z.ZodRawShape>(own: O) {
  return z.array(routeShape(own)).max(1_000);
}

function routeShape<O extends z.ZodRawShape>(own: O) {
  return z.strictObject({
    name: text('for people'),
    match: z
      .strictObject({
        service: text(`full name of the gRPC service: ${STAR}`),
        method: text(`name of the method: ${STAR}`),
        authority: text(`host, with its port only where the text has one: ${STAR}`),
        headers: z.record(z.string(), z.string()).describe(`values by name: ${STAR}`).optional(),
      })
      .describe('all that is given must hold; nothing: every call')
      .optional(),
    cluster: text('where the calls go'),
    split: z
      .record(z.string(), z.int().min(0).max(1_000_000))
      .describe('instead of cluster: weights by cluster')
      .optional(),
    mirror: z
      .strictObject({
        cluster: z.string().describe('where copies of the calls go, whose answers nobody sees'),
        share: z.number().gt(0).max(1).describe('of the calls; default 1').optional(),
        concurrentMax: z.int().min(1).max(100_000).describe('copies alive at a time; default 100').optional(),
      })
      .optional(),
    rewrite: z
      .strictObject({
        service: text('service that endpoints are told'),
        method: text('method that endpoints are told'),
        authority: text('authority that endpoints are told'),
        set: z
          .record(z.string(), z.string())
          .describe('headers to put in, instead of what is there')
          .optional(),
        add: z.record(z.string(), z.string()).describe('headers to put in, beside what is there').optional(),
        remove: z.array(z.string()).describe('headers to take out').optional(),
      })
      .optional(),
    hashHeader: text("the request header that the cluster's ring_hash or maglev hashes, for these calls"),
    ...own,
  });
}
