// What the set-up says. Everything goes to standard error: the standard output of `npm run demo -- --json` belongs
// to the demo.

/** A failure that the user can mend: it is shown as its message alone, without a stack. */
export class SetupError extends Error {
  name = 'SetupError';
}

/** True where escape sequences are welcome. */
export function wantsColour(stream, env = process.env) {
  return Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== 'dumb';
}

/** Returns `paint(style, text)` for a stream; where colours are not wanted it leaves the text as it is. */
export function painter(stream, env = process.env) {
  const codes = { dim: 2, red: 31, green: 32, yellow: 33, bold: 1 };
  const colour = wantsColour(stream, env);
  return (style, text) => (colour ? `\x1b[${codes[style]}m${text}\x1b[0m` : text);
}

const seconds = (ms) => (ms < 9_950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`);

/**
 * @param {{name?: string, stream?: NodeJS.WriteStream, env?: NodeJS.ProcessEnv, plainEveryMs?: number}} options
 *   `name`: what each line begins with. `plainEveryMs`: least time between two progress lines where the stream is no terminal.
 */
export function createReporter({ name: command = 'setup', stream = process.stderr, env = process.env, plainEveryMs = 15_000 } = {}) {
  const paint = painter(stream, env);
  const prefix = paint('dim', `${command}:`);
  let openLine = false;

  function say(text) {
    if (openLine) stream.write('\r\x1b[K');
    openLine = false;
    stream.write(`${prefix} ${text}\n`);
  }

  function step(name, why) {
    const started = Date.now();
    let lastPlain = started;
    let latest = '';
    say(`${paint('bold', name)}: ${why}`);

    function draw() {
      const elapsed = seconds(Date.now() - started);
      const text = latest ? `${latest} (${elapsed})` : elapsed;
      if (stream.isTTY) {
        const room = Math.max(20, (stream.columns || 80) - name.length - 12);
        stream.write(`\r\x1b[K${prefix} ${name}: ${text.slice(0, room)}`);
        openLine = true;
      } else if (Date.now() - lastPlain >= plainEveryMs) {
        lastPlain = Date.now();
        say(`${name}: ${text}`);
      }
    }
    const ticking = setInterval(draw, stream.isTTY ? 500 : 1_000);
    ticking.unref();
    return {
      progress(text) {
        latest = text ?? latest;
      },
      done(text = 'done') {
        clearInterval(ticking);
        say(`${name}: ${paint('green', text)} in ${seconds(Date.now() - started)}`);
      },
      stop() {
        clearInterval(ticking);
        if (openLine) say(`${name}: stopped after ${seconds(Date.now() - started)}`);
      },
    };
  }

  return { say, step, raw: (text) => stream.write(text), fail: (text) => say(`${paint('red', 'failed:')} ${text}`) };
}

/** Runs `work(progress)` as a step: the line that opens it, progress, and the elapsed time at its end. */
export async function runStep(reporter, name, why, work) {
  const step = reporter.step(name, why);
  try {
    const summary = await work(step.progress);
    step.done(summary);
  } finally {
    step.stop();
  }
}
