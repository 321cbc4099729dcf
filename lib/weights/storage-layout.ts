import { native } from '../native/binding';
import type { NativePart, NativeStorageView } from '../native/types';

/** A storage of a file: a part of one in memory. */
export interface FileStorage {
  key: string;
  /** In bytes. */
  length: number;
  /** What all of its tensors have; null where they differ. */
  dtype: string | null;
}

/** Where a tensor lies in a file; the offset counts its elements. */
export interface PlacedTensor {
  storage: FileStorage;
  offset: number;
}

interface Span {
  index: number;
  view: NativeStorageView;
  size: number;
  begin: number;
  end: number;
}

/**
 * Parts the storages of tensors into those of a file. Tensors that overlap share one; of a storage in memory that is
 * larger (the buffer in which a model's parameters lie one behind the other) each keeps only what its tensors reach.
 */
export function layOutStorages(views: readonly NativeStorageView[]): { placed: PlacedTensor[]; records: NativePart[] } {
  const placed: PlacedTensor[] = [];
  const records: NativePart[] = [];
  const groups = overlapping(views.map(spanOf));
  // Keys in the order in which tensors first need them.
  for (const spans of groups.sort((a, b) => first(a) - first(b))) {
    const { view } = spans[0]!;
    // A multiple of every element's size, so that every offset stays whole.
    const widest = Math.max(...spans.map(({ size }) => size));
    const begin = Math.floor(spans[0]!.begin / widest) * widest;
    const end = spans.reduce((most, span) => Math.max(most, span.end), begin);
    const dtype = spans.every((span) => span.view.dtype === view.dtype) ? view.dtype : null;
    const storage: FileStorage = { key: String(records.length), length: end - begin, dtype };
    records.push([`data/${storage.key}`, view.storage, begin, end - begin]);
    for (const { index, begin: from, size } of spans) placed[index] = { storage, offset: (from - begin) / size };
  }
  return { placed, records };
}

const first = (spans: Span[]) => spans.reduce((least, { index }) => Math.min(least, index), Infinity);

/** The bytes that a tensor reaches in its storage. */
function spanOf(view: NativeStorageView, index: number): Span {
  const size = native.dtypeSize(view.dtype);
  const isEmpty = view.shape.includes(0);
  const last = view.shape.reduce((position, length, d) => position + (length - 1) * view.stride[d]!, view.offset);
  // An empty tensor reaches nothing, wherever it lies.
  return { index, view, size, begin: isEmpty ? 0 : view.offset * size, end: isEmpty ? 0 : (last + 1) * size };
}

/** Spans in groups, of one storage each, that reach common bytes; within a group in the order in which they begin. */
function overlapping(spans: readonly Span[]): Span[][] {
  const byStorage = new Map<bigint, Span[]>();
  for (const span of spans) {
    const others = byStorage.get(span.view.id);
    if (others) others.push(span);
    else byStorage.set(span.view.id, [span]);
  }
  const groups: Span[][] = [];
  for (const ofOne of byStorage.values()) {
    let end = -1;
    for (const span of ofOne.sort((a, b) => a.begin - b.begin || b.end - a.end)) {
      if (span.begin < end) groups.at(-1)!.push(span);
      else groups.push([span]);
      end = Math.max(end, span.end);
    }
  }
  return groups;
}
