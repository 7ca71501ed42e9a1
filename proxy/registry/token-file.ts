/** The token that a registry with identities asks for, from a file that holds it and nothing else. */
import { readFileSync } from 'node:fs';
import { Metadata } from '@grpc/grpc-js';
import { SidecarError } from '../policy/trouble.ts';

/** What shows it with each request. Throws a SidecarError; what the file holds is never quoted. */
export function tokenOf(file: string | null): Metadata {
  const metadata = new Metadata();
  if (file === null) return metadata;
  const wrong = (what: string): SidecarError =>
    new SidecarError('MW_CONFIG', `the token for the registry ${what}`, {
      place: file,
      remedy: 'name a file that holds the token and nothing else',
    });
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw wrong(`cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (!/^[\x21-\x7e]{1,4096}$/.test(token)) throw wrong('is not one word of printable characters');
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}
