/** `meshwright sidecar`: the proxy as a process of its own. The flags come from one table, shared with the direct entry. */
import { Command, Option } from 'commander';
import { SIDECAR_FLAGS } from '../proxy/host/flags.ts';
import type { RawOptions } from '../proxy/host/flags.ts';
import { runSidecar } from '../proxy/host/process.ts';

export function sidecarCommand(): Command {
  const command = new Command('sidecar')
    .description('Run the gRPC sidecar: callers connect to it, it balances over the endpoints.')
    .allowExcessArguments(false);
  for (const { name, value, repeatable, help } of SIDECAR_FLAGS) {
    const option = new Option(value === null ? `--${name}` : `--${name} ${value}`, help);
    if (repeatable === true)
      option.argParser((text: string, before?: string) =>
        before === undefined ? text : `${before},${text}`,
      );
    command.addOption(option);
  }
  command.action(async () => {
    const flags: Record<string, string | boolean> = {};
    for (const option of command.options) {
      const value: unknown = command.getOptionValue(option.attributeName());
      if (typeof value === 'string' || typeof value === 'boolean') flags[option.name()] = value;
    }
    await runSidecar(flags as RawOptions);
  });
  return command;
}
