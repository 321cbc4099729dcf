import { z } from 'zod';
import { type Inputs, mapInputs, requireInputs, severalOf } from '../../data/inputs';
import { ContinualTorchError } from '../../errors';
import { parseArgument, positiveInteger } from '../../options';
import { checkState, misfit, type State, tensorState } from '../../state';
import { noGrad } from '../../tensor/grad-mode';
import { ops } from '../../tensor/operators';
import { Tensor } from '../../tensor/tensor';

const stateSchema = z.object({ size: positiveInteger, x: z.array(z.union([tensorState, z.array(tensorState), z.record(z.string(), tensorState)])), taskIds: z.array(tensorState) });

/**
 * The last samples that came by, oldest first: `importanceData` of a plugin that shall measure on what has been seen lately, labelled
 * or not. A plugin that is given one adds the mini-batches that it is trained on; a program may add others, production traffic for
 * example.
 *
 *     const window = new SlidingWindow(256);
 *     new MASPlugin({ importanceData: window });
 *     window.add(images); // [B, ...], copied
 */
export class SlidingWindow {
  /** How many samples it holds at most. */
  readonly size: number;
  #chunks: { x: Inputs; taskId: Tensor }[] = [];

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
  constructor(size: number) {
    this.size = parseArgument('SlidingWindow', 'size', positiveInteger, size);
  }

  /** How many samples it holds. */
  get length(): number {
    return this.#chunks.reduce((sum, { taskId }) => sum + taskId.shape[0]!, 0);
  }

  /**
   * Takes copies of samples; the oldest leave where there are more than `size`.
   * @param x `[B, ...]`, or several inputs
   * @param taskId int64 `[B]`: the task of each. Default: 0
   * @throws ERR_INVALID_ARG_TYPE, ERR_SHAPE
   */
  add(x: Inputs, taskId?: Tensor): void {
    const inputs = requireInputs('SlidingWindow.add: expected', x);
    noGrad(() => {
      const length = first(inputs).shape[0];
      const tasks = taskId ?? (ops.aten.zeros!([length ?? 0], { dtype: 'int64', device: 'cpu' }) as Tensor);
      const all = [...(severalOf(inputs)?.map(([, each]) => each) ?? [inputs as Tensor]), tasks];
      const odd = all.find(({ shape }) => shape[0] !== length);
      if (length === undefined || odd) {
        throw new ContinualTorchError('ERR_SHAPE', `SlidingWindow.add: expected inputs and task labels of one length, got [${(odd ?? all[0]!).shape.join(', ')}]`);
      }
      const from = Math.max(0, length - this.size);
      const copy = (tensor: Tensor) => tensor.detach().narrow(0, from, length - from).clone();
      this.#chunks.push({ x: mapInputs(inputs, copy), taskId: copy(tasks) });
      this.#trim();
    });
  }

  /** Forgets all samples. */
  clear(): void {
    this.#chunks = [];
  }

  /** @internal All that it holds; null: nothing. */
  contents(): { x: Inputs; taskIds: number[] } | null {
    const newest = this.#chunks.at(-1);
    if (!newest) return null;
    const joined = (name: string, device: string) => ops.aten.cat!(this.#chunks.map(({ x }) => named(x, name).to({ device }))) as Tensor;
    return {
      x: mapInputs(newest.x, ({ device }, name) => joined(name, device)),
      taskIds: this.#chunks.flatMap(({ taskId }) => taskId.toNumbers()),
    };
  }

  /** Its samples. */
  stateDict(): State {
    return { size: this.size, x: this.#chunks.map(({ x }) => x as State), taskIds: this.#chunks.map(({ taskId }) => taskId) };
  }

  /** @throws ERR_STATE_DICT, also where `size` is another */
  loadStateDict(state: unknown): void {
    const { size, x, taskIds } = checkState('SlidingWindow', stateSchema, state);
    if (size !== this.size) throw misfit('SlidingWindow', `expected size ${this.size}, got ${size}`);
    if (x.length !== taskIds.length) throw misfit('SlidingWindow', `expected task labels of ${x.length} mini-batches, got those of ${taskIds.length}`);
    const copy = (tensor: Tensor) => tensor.detach().clone();
    this.#chunks = noGrad(() => x.map((each, i) => ({ x: mapInputs(each as Inputs, copy), taskId: copy(taskIds[i]!) })));
  }

  /** Lets the oldest go. */
  #trim(): void {
    for (let extra = this.length - this.size; extra > 0; ) {
      const oldest = this.#chunks[0]!;
      const length = oldest.taskId.shape[0]!;
      if (length <= extra) this.#chunks.shift();
      else {
        const rest = (tensor: Tensor) => tensor.narrow(0, extra, length - extra).clone();
        this.#chunks[0] = { x: mapInputs(oldest.x, rest), taskId: rest(oldest.taskId) };
      }
      extra -= length;
    }
  }
}

/** @internal The first of several inputs. */
export function first(x: Inputs): Tensor {
  return x instanceof Tensor ? x : Object.values(x)[0] as Tensor;
}

function named(x: Inputs, name: string): Tensor {
  return x instanceof Tensor ? x : (x as { readonly [name: string]: Tensor })[name]!;
}
