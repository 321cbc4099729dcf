/** What has a state dict: modules, optimizers, schedulers. */
const hasStateDict = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof (value as { stateDict?: unknown }).stateDict === 'function';

/**
 * The end of a message where something else than tensors by name came: what was meant by it, as far as it can be told.
 * @internal
 */
export function inPlaceOfStateDict(value: unknown): string {
  if (typeof value === 'string') return ': read the file first, with await torch.load(path) or await loadSafetensors(path)';
  if (value instanceof Promise) return ': await it';
  return hasStateDict(value) ? ': hand over its stateDict()' : '';
}

/** The same where something else than a file came. @internal */
export function inPlaceOfFile(value: unknown): string {
  if (value instanceof Promise) return ': await it';
  if (!hasStateDict(value)) return '';
  return ': a file is read first, and loadStateDict() takes what it holds; saveSafetensors and torch.save write a stateDict()';
}

/** The same where there is no file of that name. @internal */
export function inPlaceOfPath(path: string): string {
  return /^https?:\/\//i.test(path) ? ': fetch the address, and hand over the bytes or the name of the file' : '';
}
