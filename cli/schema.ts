/** `meshwright schema`: the JSON Schema of the sidecar's configuration file, for editors. */
import { Command } from 'commander';
import { configJsonSchema } from '../proxy/host/config-schema.ts';

export function schemaCommand(): Command {
  return new Command('schema')
    .description("Print the JSON Schema of the sidecar's configuration file, for editors.")
    .allowExcessArguments(false)
    .action(() => {
      process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    });
}
