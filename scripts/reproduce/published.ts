/**
 * What was published, and the settings that belong to it: Hsu, Liu, Ramasamy and Kira, "Re-evaluating Continual Learning Scenarios"
 * (arXiv 1810.12488, table 2 and the scripts of its code); Aljundi et al., the run stored in the code of "Memory Aware Synapses".
 */

/** How tasks are told apart: by a label, not at all, or by their classes. */
export type Scenario = 'task' | 'domain' | 'class';
export const scenarios = ['task', 'domain', 'class'] as const;

export type Method = 'naive' | 'l2' | 'ewc' | 'online-ewc' | 'si' | 'mas' | 'rehearsal' | 'offline';

/** Mean and population standard deviation, in percent. */
export interface Published {
  mean: number;
  /** 0: of one run. */
  deviation: number;
}

/** Of one cell of a table. */
export interface Setting {
  method: Method;
  optimizer: 'Adam' | 'SGD' | 'Adagrad';
  lr: number;
  epochs: number;
  /** The weight of the penalty, which has no factor 1/2. */
  coefficient?: number;
  /** Whether EWC squares gradients of samples or of mini-batches. */
  fisher?: 'sample' | 'batch';
  /** How many samples are kept of all earlier tasks. */
  memory?: number;
}

export interface Row {
  key: string;
  name: string;
  settings: Record<Scenario, Setting>;
  published?: Record<Scenario, Published>;
}

type Each<T> = readonly [task: T, domain: T, of: T];
const byScenario = <T, U>(each: Each<T>, make: (value: T, scenario: Scenario) => U) =>
  Object.fromEntries(scenarios.map((scenario, i) => [scenario, make(each[i]!, scenario)])) as Record<Scenario, U>;
const same = <T>(value: T): Each<T> => [value, value, value];
const published = (each: Each<readonly [mean: number, deviation: number]>) => byScenario(each, ([mean, deviation]) => ({ mean, deviation }));

const split = { method: 'naive', optimizer: 'Adam', lr: 0.001, epochs: 4 } as const;
const penalized = (method: Method, coefficients: Each<number>) => byScenario(coefficients, (coefficient) => ({ ...split, method, coefficient }));
const sampled = (method: Method, coefficients: Each<number>) =>
  byScenario(coefficients, (coefficient) => ({ ...split, method, coefficient, fisher: 'sample' as const }));

/** Five tasks of two digits, 10 repeats. */
export const splitRows: readonly Row[] = [
  { key: 'adam', name: 'Adam (naive)', settings: byScenario(same(split), (setting) => setting), published: published([[93.46, 2.01], [55.16, 1.38], [19.71, 0.08]]) },
  { key: 'sgd', name: 'SGD (naive)', settings: byScenario(same(0.01), (lr) => ({ ...split, optimizer: 'SGD', lr })), published: published([[97.98, 0.09], [63.2, 0.35], [19.46, 0.04]]) },
  { key: 'adagrad', name: 'Adagrad (naive)', settings: byScenario(same(0.01), (lr) => ({ ...split, optimizer: 'Adagrad', lr })), published: published([[98.06, 0.53], [58.08, 1.06], [19.82, 0.09]]) },
  { key: 'l2', name: 'L2', settings: penalized('l2', [0.01, 0.5, 100]), published: published([[98.18, 0.96], [66, 3.73], [22.52, 1.08]]) },
  { key: 'ewc', name: 'EWC', settings: sampled('ewc', [100, 100, 600]), published: published([[97.7, 0.81], [58.85, 2.59], [19.8, 0.05]]) },
  { key: 'online-ewc', name: 'Online EWC', settings: sampled('online-ewc', [400, 700, 100]), published: published([[98.04, 1.1], [57.33, 1.44], [19.77, 0.04]]) },
  { key: 'si', name: 'SI', settings: penalized('si', [300, 3000, 600]), published: published([[98.56, 0.49], [64.76, 3.09], [19.67, 0.09]]) },
  { key: 'mas', name: 'MAS', settings: penalized('mas', [1, 10000, 1]), published: published([[99.22, 0.21], [68.57, 6.85], [19.52, 0.29]]) },
  { key: 'rehearsal', name: 'Naive rehearsal', settings: byScenario(same(1100), (memory) => ({ ...split, method: 'rehearsal', memory })), published: published([[99.4, 0.08], [95.16, 0.49], [90.78, 0.85]]) },
  { key: 'offline', name: 'Offline', settings: byScenario(same(split), (setting) => ({ ...setting, method: 'offline' })), published: published([[99.52, 0.16], [98.59, 0.15], [97.53, 0.3]]) },
];

const permuted = { method: 'naive', optimizer: 'Adam', lr: 0.0001, epochs: 10 } as const;
const held = (method: Method, coefficients: Each<number>) => byScenario(coefficients, (coefficient) => ({ ...permuted, method, coefficient }));
const measured = (method: Method, coefficients: Each<number>) =>
  byScenario(coefficients, (coefficient, scenario) => ({ ...permuted, method, coefficient, fisher: scenario === 'domain' ? ('batch' as const) : ('sample' as const) }));

/** Ten permutations of the padded pixels. */
export const permutedRows: readonly Row[] = [
  { key: 'adam', name: 'Adam (naive)', settings: byScenario(same(permuted), (setting) => setting) },
  { key: 'sgd', name: 'SGD (naive)', settings: byScenario([0.01, 0.001, 0.001], (lr) => ({ ...permuted, optimizer: 'SGD', lr })) },
  { key: 'adagrad', name: 'Adagrad (naive)', settings: byScenario(same(0.001), (lr) => ({ ...permuted, optimizer: 'Adagrad', lr })) },
  { key: 'l2', name: 'L2', settings: held('l2', [0.001, 0.02, 0]) },
  { key: 'ewc', name: 'EWC', settings: measured('ewc', [500, 150, 10]) },
  { key: 'online-ewc', name: 'Online EWC', settings: measured('online-ewc', [500, 250, 50]) },
  { key: 'si', name: 'SI', settings: held('si', [1, 10, 0.3]) },
  { key: 'mas', name: 'MAS', settings: held('mas', [0.01, 0.1, 0.003]) },
  { key: 'rehearsal', name: 'Naive rehearsal', settings: byScenario(same(4000), (memory) => ({ ...permuted, method: 'rehearsal', memory })) },
  { key: 'offline', name: 'Offline', settings: byScenario(same(permuted), (setting) => ({ ...setting, method: 'offline' })) },
];

/** How the authors of MAS put the importances of tasks together: one after the other, or all anew, which needs the old data. */
export type AuthorsMode = 'accumulated' | 'sequence';

/** After the fifth task, of one run each: means, and how much was forgotten on average, the last task counting 0. */
export const authorsPublished: Record<AuthorsMode, { accuracy: Published; forgetting: Published }> = {
  accumulated: { accuracy: { mean: 98.8575, deviation: 0 }, forgetting: { mean: 0.0707, deviation: 0 } },
  sequence: { accuracy: { mean: 99.2659, deviation: 0 }, forgetting: { mean: 0.0833, deviation: 0 } },
};
