import { errorCodes } from '../../../lib/errors';

/** What a call can end with: a value, an error by its code or name; `other` is one that should not come. */
export const outcomes: readonly string[] = ['value', 'other', 'TypeError', 'RangeError', ...Object.keys(errorCodes)];
