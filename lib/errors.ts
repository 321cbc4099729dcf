const codes = {
  ERR_INVALID_ARG_TYPE: 'an argument or option is of another type than expected',
  ERR_INVALID_ARG_VALUE: 'an argument or option has a value outside what is accepted',
  ERR_UNKNOWN_OPTION: 'an option name that does not exist',
  ERR_SHAPE: 'the number of elements or the shape does not fit',
  ERR_DISPOSED: 'a tensor that has been disposed',
  ERR_UNSUPPORTED_DTYPE: 'a dtype that JavaScript cannot hold',
  ERR_UNSUPPORTED_TYPE: 'an operator returned something that JavaScript cannot hold',
  ERR_UNKNOWN_OPERATOR: 'an operator that this libtorch does not have',
  ERR_NO_OVERLOAD: 'no overload of the operator takes these arguments',
  ERR_TORCH: 'libtorch reported an error',
  ERR_OUT_OF_MEMORY: 'not enough memory on the device',
  ERR_DEVICE: 'an unknown device, or CUDA where there is none',
  ERR_ENDED: 'the process is exiting',
  ERR_CALL_ORDER: 'a call before or after its turn',
  ERR_ALREADY_TRAINED: 'a strategy that can be trained only once was to be trained again',
  ERR_BUSY: 'the strategy or its model is at work',
  ERR_ABORTED: 'a call of `train`, `eval`, `updateImportance` or `suggestLambda` was aborted by a signal (its reason is the `cause`)',
  ERR_MODEL_FILE_NOT_FOUND: 'the model file does not exist',
  ERR_MODEL_FILE_READ: 'the model file cannot be read',
  ERR_MODEL_FILE_EMPTY: 'the model file is empty',
  ERR_MODEL_FILE_PICKLE: 'the model file is a Python pickle, not TorchScript',
  ERR_MODEL_FILE_FORMAT: 'the model file is no TorchScript, or is truncated or damaged',
  ERR_MODEL_SAVE: 'the model cannot be written',
  ERR_TRACE: 'a forward cannot be recorded by `jit.trace`',
  ERR_INPUTS: 'the inputs of the data are not those that the model, or an operation on one tensor, takes',
  ERR_MODEL_OUTPUT: 'the model returned something else than one tensor',
  ERR_UNSUPPORTED_MODEL: 'the parameters are on several devices, or of a dtype that nothing trains',
  ERR_MODEL_ADAPTATION: 'a model cannot be adapted to an experience',
  ERR_NO_TASK_LABELS: 'a multi-task model without task labels',
  ERR_PARAMETER_GROUP: 'a new parameter of the model could belong to several groups of the optimizer, or to none',
  ERR_SPARSE_GRADIENT: 'a sparse gradient for an optimizer, or with an option, that takes none',
  ERR_NO_PARAMETERS: 'the model or the optimizer has no parameters',
  ERR_STATE_DICT: 'a state dict does not fit what it is loaded into',
  ERR_BATCH: 'a mini-batch cannot be gathered from the dataset',
  ERR_FORWARD: 'the model failed on a mini-batch',
  ERR_CRITERION: 'the criterion failed on an output and its target',
  ERR_BACKWARD: 'the backward pass failed',
  ERR_IMPORTANCE: 'the importance pass failed on a mini-batch',
  ERR_SAMPLES_MEET: 'samples are normalised with one another where each is to be measured alone',
  ERR_LABEL_RANGE: 'a label outside the outputs of the model',
  ERR_ACCURACY_TARGET: 'targets that accuracy cannot compare with predictions, as those of a regression',
  ERR_LENGTH_MISMATCH: 'inputs and targets of different length',
  ERR_DATA_SOURCE: 'a source of samples failed or gave something else than samples (its error is the `cause`)',
  ERR_LOSS_NOT_FINITE: 'the loss is NaN or infinite',
  ERR_GRADIENT_NOT_FINITE: 'the norm of the gradients is NaN or infinite',
  ERR_INDEX_RANGE: 'an index outside the data',
  ERR_EMPTY_EXPERIENCE: 'an experience without samples',
  ERR_HOOK: 'a hook of a plugin threw or rejected (its error is the `cause`)',
  ERR_CALLBACK: 'another function of the program, an overridden method for example, threw or rejected (its error is the `cause`)',
  ERR_MAS_NO_IMPORTANCE: 'MAS has no importances of an earlier experience',
  ERR_MAS_HISTORY: 'the importance of another experience does not fit into memory',
  ERR_MAS_SHAPE: 'a parameter has shrunk since its importance was measured',
  ERR_PENALTY_NO_IMPORTANCE: 'a quadratic penalty has no importances yet',
  ERR_PENALTY_SHAPE: 'a parameter has shrunk since its importance was set or measured',
  ERR_PENALTY_HISTORY: 'the importance of another experience does not fit into memory',
  ERR_DISTILLATION: 'model and teacher cannot be compared',
  ERR_NO_INITIAL_EVALUATION: 'forward transfer lacks an evaluation from before the first training',
  ERR_LOG_WRITE: 'a log file or its folder cannot be written',
  ERR_IDX_FORMAT: 'an IDX file is damaged or of another kind',
  ERR_IDX_MISMATCH: 'images and labels of an IDX pair do not belong together',
  ERR_DATA_NOT_FOUND: 'a data file does not exist',
  ERR_SAFETENSORS_FORMAT: 'a file is no safetensors, is damaged, or does not fit its index',
  ERR_TORCH_FILE_FORMAT: 'a file is none of torch.save, or is truncated or damaged',
  ERR_UNSAFE_GLOBAL: 'a file of torch.save names a Python class or function other than those that tensors need',
  ERR_WEIGHTS_SAVE: 'a file of weights cannot be written',
  ERR_CHECKPOINT_NOT_FOUND: 'no checkpoint in a folder',
  ERR_CHECKPOINT_READ: 'a folder of checkpoints cannot be read',
  ERR_CHECKPOINT_FORMAT: 'a checkpoint is damaged, incomplete, or of a newer version',
  ERR_CHECKPOINT_MISMATCH: 'a checkpoint of another model, optimizer or plugin list, or of data that is not there',
  ERR_CHECKPOINT_STATE: 'a state that a checkpoint cannot hold: a function, or an object that is inside itself',
  ERR_CHECKPOINT_SAVE: 'a checkpoint cannot be written, or its folder belongs to another run',
  ERR_ADDON: 'no libtorch, or no addon for it, can be loaded here',
  ERR_TWO_COPIES: 'two copies of this package, or of libtorch, in one process',
} as const;

/** One of the stable codes in `errorCodes`. */
export type ErrorCode = keyof typeof codes;

/**
 * Every `code` that this package throws, and what it means; docs/errors.md says what to do. Codes are stable: programs may
 * test them; messages name the operation, what was expected and what came, and may change.
 */
export const errorCodes: Readonly<Record<ErrorCode, string>> = codes;

/** What this package throws: an `Error` with a stable `code`. */
export class ContinualTorchError extends Error {
  /** The same for all. */
  override readonly name = 'ContinualTorchError';

  constructor(
    /** What kind of error it is, one of `errorCodes`. */
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A name out of a file for a message: quoted, and cut where it is too long to read. */
export function quoteName(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}...` : name);
}

/** What came, for the end of an error message: the value, or its kind where the value would be too long. */
export function describeValue(value: unknown): string {
  try {
    return describe(value);
  } catch {
    return typeof value === 'function' ? 'a function' : 'an object'; // one that cannot be looked at
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return `a function ${value.name}`.trimEnd();
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  if (value !== null && typeof value === 'object') {
    const kind: unknown = value.constructor?.name;
    return typeof kind === 'string' && kind !== 'Object' ? `a ${kind}` : 'an object';
  }
  return String(value);
}
