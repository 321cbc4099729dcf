import { ContinualTorchError } from '../errors';

/** Runs a command line program: its result is the exit status, an error of ours one message on stderr. */
export async function runCommand(main: () => Promise<number>): Promise<void> {
  process.on('SIGINT', () => {
    // cli-progress hides the cursor while a bar is drawn.
    if (process.stderr.isTTY) process.stderr.write('\x1b[?25h\n');
    process.exit(130);
  });
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof ContinualTorchError) && !isUsageError(error)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  }
}

/** What `util.parseArgs` throws. */
function isUsageError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
