/**
 * The engine against a small model of RFC 9113 §5.1, driven by random commands: what a client's frame does to a stream in
 * each state of a server, whatever the server itself did to it before.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Drive, REQUEST, RESPONSE, TRAILERS, data, frame, headers, settings, uint32 } from './kit.ts';

type State = 'idle' | 'open' | 'half-closed (local)' | 'half-closed (remote)' | 'closed';
type Outcome = 'fine' | 'S' | 'C' | 'ignored';

interface Model {
  state: State;
  /** How it came to be closed. */
  closedBy: '' | 'both ends' | 'peer reset' | 'our reset' | 'our error';
  answered: boolean;
}

const COMMANDS = [
  'HEADERS',
  'HEADERS+END',
  'DATA',
  'DATA+END',
  'RST',
  'WINDOW',
  'answer',
  'finish',
  'cancel',
] as const;
type Command = (typeof COMMANDS)[number];

const OCTETS: Partial<Record<Command, Buffer>> = {
  DATA: data(1, 10),
  'DATA+END': data(1, 10, true),
  RST: frame(3, 0, 1, uint32(8)),
  WINDOW: frame(8, 0, 1, uint32(1)),
};

/** What the peer's frame should do; changes the model's state. */
function receive(model: Model, command: Command): Outcome {
  const end = command.endsWith('+END');
  switch (model.state) {
    case 'idle':
      if (!command.startsWith('HEADERS')) return 'C';
      model.state = end ? 'half-closed (remote)' : 'open';
      return 'fine';
    case 'open':
    case 'half-closed (local)':
      if (command === 'RST') close(model, 'peer reset');
      else if (command === 'HEADERS')
        return fault(model); // Trailers must end the stream.
      else if (end && model.state === 'open') model.state = 'half-closed (remote)';
      else if (end) close(model, 'both ends');
      return 'fine';
    case 'half-closed (remote)':
      if (command === 'RST') close(model, 'peer reset');
      else if (command !== 'WINDOW') return fault(model);
      return 'fine';
    case 'closed':
      return late(model, command);
  }
}

function late(model: Model, command: Command): Outcome {
  if (command === 'WINDOW' || command === 'RST') return 'ignored';
  if (model.closedBy === 'our reset' || model.closedBy === 'our error') {
    // The first END_STREAM that was under way ends the peer's side; what follows is judged like any late frame.
    if (command.endsWith('+END') && model.closedBy === 'our reset') model.closedBy = 'both ends';
    return 'ignored';
  }
  return command.startsWith('HEADERS') || model.closedBy === 'both ends' ? 'C' : 'S';
}

function close(model: Model, how: Model['closedBy']): void {
  model.state = 'closed';
  model.closedBy = how;
}

function fault(model: Model): Outcome {
  close(model, 'our error');
  return 'S';
}

/** Our own side's doing; keeps the model in step. */
function act(drive: Drive, model: Model, command: Command): void {
  const stream = drive.streams[0];
  if (stream === undefined) return;
  const mayEnd = model.state === 'open' || model.state === 'half-closed (remote)';
  if (command === 'answer' && !model.answered) {
    drive.connection.sendHeaders(stream, RESPONSE, false);
    if (mayEnd) model.answered = true;
  } else if (command === 'finish' && model.answered) {
    drive.connection.sendTrailers(stream, TRAILERS);
    if (model.state === 'open') model.state = 'half-closed (local)';
    else if (model.state === 'half-closed (remote)') close(model, 'both ends');
  } else if (command === 'cancel') {
    drive.connection.resetStream(stream, 8);
    if (model.state !== 'closed') close(model, 'our reset');
  }
  drive.take();
}

function outcomeOf(drive: Drive, command: Command, before: number): Outcome {
  const octets = OCTETS[command] ?? headers(1, REQUEST, command.endsWith('+END'));
  const trailers = before > 0 && command.startsWith('HEADERS');
  drive.resets.clear();
  drive.feed(trailers ? headers(1, [['x', 'y']], command.endsWith('+END')) : octets);
  if (drive.goAway > 0) return 'C';
  return drive.resets.has(1) ? 'S' : 'fine';
}

test('any history of frames and commands follows the state table', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...COMMANDS), { minLength: 1, maxLength: 12 }), (commands) => {
      const drive = new Drive({ answer: false });
      drive.feed(frame(4, 1, 0), settings());
      const model: Model = { state: 'idle', closedBy: '', answered: false };
      for (const command of commands) {
        if (command === 'answer' || command === 'finish' || command === 'cancel') {
          act(drive, model, command);
          continue;
        }
        const from = `${model.state} ${model.closedBy}`;
        const wanted = receive(model, command);
        const got = outcomeOf(drive, command, drive.streams.length);
        seen.add(`${from}: ${command}`);
        expect(got, `${from}: ${command} in ${commands.join()}`).toBe(wanted === 'ignored' ? 'fine' : wanted);
        if (wanted === 'C') return;
        expect(drive.connection.streamsOpen).toBe(model.state === 'closed' ? 0 : 1);
      }
    }),
    { numRuns: 4_000, seed: 11 },
  );
  // Five states, closed in four ways, six frames each.
  expect(seen.size).toBe(8 * 6);
});
