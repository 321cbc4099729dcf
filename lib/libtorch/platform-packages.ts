import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { whyUnreadable } from './libtorch-folder';
import { atLeast, type Machine, platformName } from './machine';

/** The folder of the prebuilt addons in their package. */
export const prebuildsFolder = (packageFolder: string, machine: Machine): string =>
  path.join(packageFolder, 'prebuilds', platformName(machine));

const contentsSchema = z.object({ glibc: z.string().nullable(), files: z.record(z.string(), z.number()) });

/**
 * What keeps an installed package from being used, by the list of files and sizes that it carries: an installation that
 * was interrupted leaves files out or short.
 */
export function packageFaults(folder: string, machine: Machine): string[] {
  const why = whyUnreadable(folder);
  if (why !== null) return [`${folder} ${why}`];
  const file = path.join(folder, 'contents.json');
  let contents: z.infer<typeof contentsSchema>;
  try {
    contents = contentsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    const damaged = error instanceof SyntaxError || error instanceof z.ZodError;
    return [`${file} ${damaged ? 'is damaged' : (whyUnreadable(file) ?? 'cannot be read')}`];
  }
  const { glibc, files } = contents;
  const faults = Object.entries(files).flatMap(([name, size]) => fileFaults(path.join(folder, name), size));
  if (glibc !== null && machine.glibc !== null && !atLeast(machine.glibc, glibc)) {
    faults.push(`needs glibc ${glibc} or later; this system has ${machine.glibc}`);
  }
  return faults;
}

function fileFaults(file: string, size: number): string[] {
  const why = whyUnreadable(file);
  if (why !== null) return [`${file} ${why}`];
  const found = statSync(file).size;
  return found === size ? [] : [`${file} is damaged: it has ${found} bytes instead of ${size}`];
}
