import { noGrad } from '../../tensor/grad-mode';
import { callUser } from '../../user-function';

/** @internal Calls a method that may be overridden. @throws ERR_CALLBACK with what it threw as the cause */
export function callOverride<T>(name: string, call: () => T): T {
  return callUser('ERR_CALLBACK', `${name} failed`, call);
}

/** @internal Calls JavaScript with recording for backward on in training and off in evaluation, there up to its first `await`. */
export function inGradModeOf<T>({ isTraining }: { isTraining: boolean }, fn: () => T): T {
  return isTraining ? fn() : noGrad(fn);
}
