import { parseArgs } from 'node:util';
import { ContinualTorchError } from '../errors';

/** Runs a command line program: its result is the exit status, an error of ours one message on stderr. */
export async function runCommand(main: () => Promise<number>): Promise<void> {
  process.on('SIGINT', () => {
    // cli-progress hides the cursor while a bar is drawn.
    if (process.stderr.isTTY) process.stderr.write('\x1b[?25h\n');
    process.exit(130);
  });
  for (const stream of [process.stdout, process.stderr]) {
    // `| head -1` closes the output early, and wants no more of it.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit();
    });
  }
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof ContinualTorchError) && !isUsageError(error)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  }
}

/**
 * The command line of a program that takes names and nothing else: its exit status where it only had to explain itself.
 * @returns the names, at least one, or the exit status
 */
export function namesOrStatus(help: string): string[] | number {
  const { values, positionals } = parseArgs({
    options: { help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  if (!values.help && positionals.length > 0) return positionals;
  (values.help ? process.stdout : process.stderr).write(help);
  return values.help ? 0 : 2;
}

/** What `util.parseArgs` throws. */
function isUsageError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
