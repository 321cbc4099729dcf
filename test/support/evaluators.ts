// Evaluators that print nothing, and what others print.
import { Writable } from 'node:stream';
import { accuracyMetrics, EvaluationPlugin, lossMetrics } from '../../lib/index';

/** The metrics of the default evaluator, without its logger. */
export function quietEvaluator(): EvaluationPlugin {
  const levels = { epoch: true, experience: true, stream: true };
  return new EvaluationPlugin(accuracyMetrics(levels), lossMetrics(levels), { loggers: [] });
}

/** What is written to a stream of this process meanwhile, instead of writing it. */
export async function captured(stream: 'stdout' | 'stderr', run: () => unknown): Promise<string> {
  const { write } = process[stream];
  let text = '';
  process[stream].write = (chunk: string | Uint8Array) => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    return true;
  };
  try {
    await run();
  } finally {
    process[stream].write = write;
  }
  return text;
}

/** A stream that keeps what is written to it. */
export function collector(): Writable & { text: string } {
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      collecting.text += chunk.toString();
      done();
    },
  });
  const collecting = Object.assign(stream, { text: '' });
  return collecting;
}
