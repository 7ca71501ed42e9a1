/** Where children find their code. They run built JavaScript, also when the parent runs from the TypeScript sources. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MeshwrightError } from '../../base/errors.ts';

const HERE = import.meta.url;
const FROM_SOURCES = HERE.endsWith('.ts');
/** Root of the package: above sim/ in the sources, above dist/ when built. */
const ROOT = new URL(FROM_SOURCES ? '../../../' : '../../../../', HERE);

/** Absolute path of the built module, such as 'sim/real/load/worker'. Throws MW_PROCESS when there is no build. */
export function entryPath(module: string): string {
  const path = fileURLToPath(new URL(`dist/${module}.js`, ROOT));
  if (!existsSync(path)) {
    throw new MeshwrightError('MW_PROCESS', `the built file of ${module} is missing`, {
      place: path,
      remedy: 'run `npm run build`',
    });
  }
  return path;
}

/** Absolute path of a file in protos/. */
export function protoPath(name: string): string {
  return fileURLToPath(new URL(`protos/${name}`, ROOT));
}
