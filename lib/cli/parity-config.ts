/** A part of a run: its class, and the options of that. */
export type Description = { type: string } & Record<string, unknown>;

/** `config.json` of a recorded run; test/fixtures/parity/README.md says what each key means. */
export interface Config {
  experiences: number;
  /** Absent: `model.pt` is loaded, and nothing in the run is random. */
  model?: Description;
  seed?: number;
  optimizer: Description;
  criterion: string;
  /** Absent: `SupervisedTemplate`. */
  strategy?: string | Description;
  /** The plugins in order. Absent: MAS with `lambdaReg` and `alpha`. */
  methods?: Description[];
  lambdaReg?: number;
  alpha?: number;
  trainMbSize: number;
  trainEpochs: number;
  shuffle?: boolean;
  dropLast?: boolean;
  evalMbSize?: number;
  evalEvery?: number;
  /** For each experience: stream name, indices of the experiences evaluated while it is trained. */
  evalStreams?: Record<string, number[]>[];
  tolerance?: Record<string, number>;
}
