/** Bounds on gRPC messages: a call with a longer one ends with RESOURCE_EXHAUSTED before it is passed on; nothing else changes (MS-25). */
import type { Attempt } from './attempt.ts';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import { MessageMeter, type MessageMeters } from './message-meter.ts';
import { GRPC } from './statuses.ts';

/** Whether the call has ended for what begins in these octets of its request. */
export function refusesRequest(context: Context, call: Call, bytes: Uint8Array, endStream: boolean): boolean {
  const meter = metersOf(context, call)?.request;
  if (meter === undefined) return false;
  const length = meter.pass(bytes);
  if (length < 0) return false;
  call.requestEnded = endStream;
  call.heldBytes += bytes.length;
  refuse(context, call, `a request message of ${length} octets is longer than the ${meter.bytesMax}`);
  return true;
}

/** The same for octets of its response. */
export function refusesResponse(context: Context, call: Call, attempt: Attempt, bytes: Uint8Array): boolean {
  const meter = metersOf(context, call)?.response;
  if (meter === undefined) return false;
  const length = meter.pass(bytes);
  if (length < 0) return false;
  attempt.heldBytes += bytes.length;
  const said = `${attempt.sentTo} sent a message of ${length} octets, longer than the ${meter.bytesMax}`;
  refuse(context, call, said);
  return true;
}

/** Null: nobody measures its messages. */
function metersOf({ config }: Context, call: Call): MessageMeters | null {
  const { messageLimit } = config;
  if (messageLimit === null || !call.isGrpc) return null;
  call.meters ??= {
    request: new MessageMeter(messageLimit.requestBytesMax),
    response: new MessageMeter(messageLimit.responseBytesMax),
  };
  return call.meters;
}

function refuse({ counters }: Context, call: Call, what: string): void {
  counters.messagesTooLong++;
  call.endHere('cancelled', GRPC.resourceExhausted, `${what} that the sidecar takes`);
}
