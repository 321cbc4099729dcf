import { z } from 'zod';
import type { DType } from '../element-types';
import { deviceName, parseArgument, parseOptions } from '../options';
import { isDtype } from '../tensor/dtype';
import { floatingPointDtype } from './factory';

const targetSchema = z.object({ device: deviceName.optional(), dtype: floatingPointDtype.optional() });
const targetType = z.record(z.string(), z.unknown(), 'a device, a dtype, or { device, dtype }');

/** A device name, a floating-point dtype, or both. */
export type Target =
  | string
  | {
      /** `"cpu"`, `"cuda"` or `"cuda:N"`. */
      device?: string;
      /** A floating-point dtype. */
      dtype?: DType;
    };

/** @internal What `Module.to` is asked for. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION */
export function parseTarget(target: Target): { device?: string | undefined; dtype?: DType | undefined } {
  const named = typeof target !== 'string' ? target : isDtype(target) ? { dtype: target } : { device: target };
  return parseOptions('to', targetSchema, parseArgument('to', 'target', targetType, named));
}
