import { noGrad } from '../../tensor/grad-mode';
import type { Tensor } from '../../tensor/tensor';
import { tidy } from '../../tensor/tidy';
import type { MeasuredImportance } from './importance-history';

/** The share of an experience in what was measured of a parameter, a layer or a model. */
export interface ExperienceShare {
  /** How many experiences had been learned before; null: it was measured by `updateImportance`, but while an experience was learned. */
  experience: number | null;
  /** In [0, 1]; null where nothing but zeros was measured. */
  share: number | null;
}

/**
 * What is remembered of a parameter, of the parameters of a layer, or of all; sums run over their elements. Shares are in [0, 1], and
 * null where there is nothing to share.
 */
export interface MASReportEntry {
  /** The parameter's name, or the layer's path: `""` for the model itself. */
  name: string;
  /** How many elements are remembered; of a parameter that has grown, those that it had then. */
  elements: number;
  /** Omega. */
  importance: {
    /** Over all elements. */
    sum: number;
    /** Of an element. */
    mean: number;
    /** The largest element. */
    max: number;
    /** The sum's part of that of all. */
    share: number | null;
  };
  /** How far theta is from theta*. */
  moved: {
    /** `||theta - theta*||_2`; null where it is not in the model. */
    distance: number | null;
    /** That over `||theta*||_2`; null where it is not in the model, or where theta* is 0. */
    relative: number | null;
  };
  /** What is charged for that. */
  penalty: {
    /** `lambda sum Omega (theta - theta*)^2`; null where it is not in the model. */
    value: number | null;
    /** Its part of that of all. */
    share: number | null;
  };
  /** With `keepHistory`: whose importance it is, in the order in which it was measured. */
  experiences?: ExperienceShare[];
}

/** What is remembered of a parameter. */
export interface MASReportParameter extends MASReportEntry {
  /** The path of the module that it belongs to. */
  layer: string;
}

/** `MASReport` as plain JSON. */
export interface MASReportJSON {
  /** What multiplies `sum Omega (theta - theta*)^2`. */
  lambda: number;
  /** In the model's order. */
  parameters: readonly MASReportParameter[];
  /** The parameters of each layer together. */
  layers: readonly MASReportEntry[];
  /** All together. */
  total: MASReportEntry;
}

/** @internal What is added up, of one parameter or of several. */
export interface Sums {
  name: string;
  elements: number;
  importance: number;
  max: number;
  /** Whether any of it is in the model; the next three are of what is. */
  isInModel: boolean;
  /** Squares of theta - theta*. */
  moved: number;
  /** Squares of theta*. */
  anchor: number;
  /** Omega (theta - theta*)^2. */
  weighted: number;
  /** What was measured of each experience. */
  measured: number[];
}

/** @internal In double precision. */
export const wide = (tensor: Tensor) => tensor.to(tensor.isComplex() ? 'complex128' : 'float64');
const sum = (tensor: Tensor) => tensor.sum().item();
const squares = (tensor: Tensor) => tensor.abs().square();

/** @internal Of a parameter; `moved` is theta - theta*, null where it is not in the model. */
export function sumsOf(omega: Tensor, anchor: Tensor, moved: Tensor | null): Omit<Sums, 'name' | 'measured'> {
  const elements = omega.numel();
  return {
    ...{ elements, importance: sum(omega), max: elements === 0 ? 0 : omega.max().item(), isInModel: moved !== null },
    moved: moved ? sum(squares(moved)) : 0,
    anchor: moved ? sum(squares(anchor)) : 0,
    weighted: moved ? sum(squares(moved).mul(omega)) : 0,
  };
}

/** @internal How much was measured of a parameter. */
export function sumIn({ importance }: MeasuredImportance, name: string): number {
  const measured = importance.get(name);
  return measured ? noGrad(() => tidy(() => sum(wide(measured)))) : 0;
}

/** @internal Of several. */
export function together(name: string, parts: readonly Sums[]): Sums {
  const add = (of: (part: Sums) => number) => parts.reduce((all, part) => all + of(part), 0);
  return {
    name,
    elements: add(({ elements }) => elements),
    importance: add(({ importance }) => importance),
    max: parts.reduce((most, { max }) => Math.max(most, max), 0),
    isInModel: parts.length === 0 || parts.some(({ isInModel }) => isInModel),
    moved: add(({ moved }) => moved),
    anchor: add(({ anchor }) => anchor),
    weighted: add(({ weighted }) => weighted),
    measured: (parts[0]?.measured ?? []).map((_, i) => add(({ measured }) => measured[i]!)),
  };
}

/** @internal What a report says of them. */
export function entryOf(sums: Sums, total: Sums, lambda: number, history: readonly MeasuredImportance[] | null): MASReportEntry {
  const { name, elements, importance, max, isInModel, measured } = sums;
  const share = (part: number, of: number) => (of > 0 ? part / of : null);
  const ifInModel = <T>(value: T) => (isInModel ? value : null);
  const distance = Math.sqrt(sums.moved);
  const allMeasured = measured.reduce((all, each) => all + each, 0);
  return {
    ...{ name, elements },
    importance: { sum: importance, mean: elements === 0 ? 0 : importance / elements, max, share: share(importance, total.importance) },
    moved: { distance: ifInModel(distance), relative: ifInModel(share(distance, Math.sqrt(sums.anchor))) },
    penalty: { value: ifInModel(lambda * sums.weighted), share: ifInModel(share(sums.weighted, total.weighted)) },
    ...(history && { experiences: history.map(({ experience }, i) => ({ experience, share: share(measured[i]!, allMeasured) })) }),
  };
}

/** @internal The path of the module that a parameter belongs to. */
export function layerOf(name: string): string {
  return name.slice(0, Math.max(name.lastIndexOf('.'), 0));
}
