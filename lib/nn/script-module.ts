import type { NativeModule, NativeTensor } from '../native/types';
import { Tensor } from '../tensor/tensor';
import { createModule, Module, runsTorchScript } from './module';
import { asParameter, type Parameter } from './parameter';

/** @internal What a module in TorchScript is made of. */
export interface ScriptParts {
  children?: Record<string, Module>;
  /** null: this module does without it, so that `self.bias` is None. */
  parameters?: Record<string, Tensor | null>;
  buffers?: Record<string, Tensor | null>;
  /** Methods: one or more `def`s, each with `self` first. Children, parameters and buffers are attributes of `self`. */
  source: string;
}

/** @internal Creates the native module of a layer or model from its parts. */
export function scriptModule(className: string, parts: ScriptParts): NativeModule {
  const handles = (named: Record<string, Tensor | null> = {}) =>
    Object.entries(named).map(([name, tensor]): [string, NativeTensor | null] => [name, tensor && tensor.handle]);
  return createModule(
    'Script',
    className,
    Object.entries(parts.children ?? {}).map(([name, child]): [string, NativeModule] => [name, child.handle]),
    handles(parts.parameters),
    handles(parts.buffers),
    parts.source,
  );
}

/** @internal Creates the native module of a model made of modules. */
export function composeModule(className: string, children: Record<string, Module>, source: string): NativeModule {
  return scriptModule(className, { children, source });
}

/** @internal The TorchScript of a method `forward` with one statement, `return EXPRESSION` of `input`. */
export const returns = (expression: string) => `def forward(self, input: Tensor) -> Tensor:\n  return ${expression}\n`;

/** A module in TorchScript that makes one tensor from one. */
export abstract class Layer extends Module {
  /** The output for an input, computed on the calling thread and recorded for backward. @throws ERR_BUSY, ERR_TORCH */
  override forward(input: Tensor): Tensor {
    return input instanceof Tensor ? this.runLayer(input) : (this.runNative(input) as Tensor);
  }
}
runsTorchScript(Layer.prototype.forward);

const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

interface NativeTensors {
  nativeTensor(name: string): NativeTensor | null;
  setNativeParameter(name: string, value: unknown): void;
}

/** @internal Makes parameters of the native module properties of a class, `weight_ih` as `weightIh`. */
export function exposeParameters(type: { prototype: Module }, ...names: string[]): void {
  for (const name of names) {
    Object.defineProperty(type.prototype, camelCase(name), {
      get(this: NativeTensors): Parameter | null {
        const tensor = this.nativeTensor(name);
        return tensor && asParameter(tensor);
      },
      set(this: NativeTensors, value: unknown) {
        this.setNativeParameter(name, value);
      },
    });
  }
}

/** @internal Makes buffers of the native module properties of a class, `running_mean` as `runningMean`. */
export function exposeBuffers(type: { prototype: Module }, ...names: string[]): void {
  for (const name of names) {
    Object.defineProperty(type.prototype, camelCase(name), {
      get(this: NativeTensors): Tensor | null {
        const tensor = this.nativeTensor(name);
        return tensor && new Tensor(tensor);
      },
    });
  }
}
