import { ContinualTorchError, describeValue } from '../errors';
import type { NativeModule, NativeTensor } from '../native/types';
import { Tensor } from '../tensor/tensor';
import { expose, exposePlace, type PartKind } from './exposed';
import { isModule, moduleClass, type ModuleNode } from './module-node';
import { asParameter, Parameter } from './parameter';
import { requireRegistrable } from './registrable';
import type { Script } from './script';

/** A child by its name; null: there may be one. */
export type Child<M> = [name: string, module: M | null];

const isNumber = (name: string) => /^\d+$/.test(name);

/**
 * @internal The parts of a module in TorchScript, which are held here and in the native module, and the properties that stand
 * for them (`expose`). Those of a list go by their places as well, and move up.
 */
export abstract class HeldParts<M extends ModuleNode> {
  /** The native module that has them; null before it is put together. */
  protected native: NativeModule | null = null;
  /** The children that are held here. */
  protected readonly given = new Map<string, M | null>();
  /** What stands at each property. */
  readonly exposed = new Map<string, [kind: PartKind, name: string]>();
  /** Tensors that the native module does not have yet, or is to do without; undefined: that are none of its any more. */
  protected readonly pending = new Map<string, [kind: PartKind, handle: NativeTensor | null | undefined]>();
  /** Names of registered buffers; whether they stand in the state dict. */
  readonly buffers = new Map<string, boolean>();
  /** What the names of registered parts were registered for. */
  readonly registered = new Map<string, PartKind>();
  /** The prototype of the lists of this class, where the children are numbered; null: they are not. */
  protected listBase: object | null = null;

  constructor(
    protected readonly module: M,
    protected readonly script: Script | null,
  ) {}

  /** Parts have been replaced: every tree that may have them is looked through before it runs again. */
  protected abstract changed(): void;
  /** Has a change take effect at once; one that cannot is undone. */
  protected abstract apply(undo: () => unknown): void;

  /** As it stands in messages. */
  get className(): string {
    return this.module.constructor.name || 'Module';
  }

  /** Those children that are held here. */
  held(): Child<M>[] {
    this.lookAtProperties();
    return [...this.given];
  }

  /** The same, where properties have just been looked at. */
  givenChildren(): Iterable<M | null> {
    return this.given.values();
  }

  /** From here on the children are found under their places as well, and move up where one is deleted. */
  beList(base: object): void {
    this.listBase = base;
    this.placeChildren();
  }

  /** The child at a place of a list. */
  at(index: number): M | null | undefined {
    this.lookAtProperties();
    return [...this.given.values()][index];
  }

  /** Another child takes a place of a list. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_BUSY */
  setAt(index: number, value: unknown): void {
    this.lookAtProperties();
    const name = [...this.given.keys()][index];
    if (name !== undefined) return this.set('module', name, value);
    Object.defineProperty(this.module, index, { value, writable: true, enumerable: true, configurable: true });
  }

  /** The name for what comes behind the children of a list: its place, or where that is taken the next number that is free. */
  nextName(): string {
    this.lookAtProperties();
    return this.freeName();
  }

  private freeName(): string {
    const { size } = this.given;
    if (!this.given.has(String(size))) return String(size);
    return String(Math.max(...[...this.given.keys()].filter(isNumber).map(Number)) + 1);
  }

  /** The property of the part that has this name, and what part it is. */
  partOf(name: string): [property: string, kind: PartKind, name: string] | null {
    this.lookAtProperties();
    for (const [property, [kind, part]] of this.exposed) if (part === name && !isNumber(property)) return [property, kind, part];
    const shown = this.exposed.get(name);
    if (shown) return [name, ...shown];
    const value: unknown = Object.getOwnPropertyDescriptor(this.module, name)?.value;
    if (isModule(value)) return [name, 'module', name];
    if (value instanceof Parameter) return [name, 'parameter', name];
    if (value === null || value instanceof Tensor) {
      const kind = this.registered.get(name);
      if (kind && (value === null || kind === 'buffer')) return [name, kind, name];
    }
    return null;
  }

  /** Whether a child that is null was so from the start. */
  isOptional(name: string): boolean {
    return this.script?.children.get(name) === null;
  }

  /** The part of this name. */
  get(kind: PartKind, name: string): M | Tensor | null | undefined {
    if (kind === 'module') {
      if (this.listBase) this.lookAtProperties();
      return this.given.get(name);
    }
    const tensor = this.native!.tensor(name);
    if (tensor === null) return null;
    return kind === 'parameter' ? asParameter(tensor) : new Tensor(tensor);
  }

  /** Another part takes the place of one. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_BUSY */
  set(kind: PartKind, name: string, value: unknown): void {
    this.check(kind, name, value);
    if (kind === 'module') this.setChild(name, value as M | null);
    else this.setTensor(kind, name, value as Tensor | null);
  }

  /** Holds a child under a name that is free, or in the place of the one that has it. */
  give(operation: string, name: unknown, child: unknown): void {
    this.lookAtProperties();
    if (typeof name === 'string' && this.given.has(name) && (child === null || isModule(child))) return this.setChild(name, child as M | null);
    requireRegistrable(operation, this.module, name, child, moduleClass, 'a Module');
    this.hold('module', name as string, child as M | null);
    this.changed();
  }

  /** Takes out a child that is held here. */
  take(name: string): boolean {
    if (!this.given.delete(name)) return false;
    const property = this.propertyOf(name);
    this.exposed.delete(property);
    delete (this.module as unknown as Record<string, unknown>)[property];
    this.changed();
    return true;
  }

  /** Holds a part more, under the name that it has in TorchScript. */
  protected hold(kind: PartKind, name: string, child: M | null = null): void {
    if (kind === 'module' && !this.script?.isLoaded) this.given.set(name, child);
    if (this.listBase) return this.place(name, this.given.size - 1);
    const property = this.propertyOf(name);
    if (!(property in (Object.getPrototypeOf(this.module) as object))) this.show(property, kind, name);
  }

  private show(property: string, kind: PartKind, name: string): void {
    this.exposed.set(property, [kind, name]);
    if (this.listBase && isNumber(property)) exposePlace(this.module, Number(property), this.listBase);
    else expose(this.module, property, kind, name);
  }

  /** Has a child found under its place, and under a name that is no number. */
  private place(name: string, index: number): void {
    if (!isNumber(name) && !(name in (Object.getPrototypeOf(this.module) as object))) this.show(name, 'module', name);
    this.show(String(index), 'module', name);
  }

  private placeChildren(): void {
    for (const property of this.exposed.keys()) delete (this.module as unknown as Record<string, unknown>)[property];
    this.exposed.clear();
    [...this.given.keys()].forEach((name, i) => this.place(name, i));
  }

  /** Whether a place of a list has been deleted. */
  protected lacksPlace(): boolean {
    for (const property of this.exposed.keys()) if (!Object.hasOwn(this.module, property)) return true;
    return false;
  }

  /** What has been deleted from a list is gone; one that went by its place leaves numbers behind, as in PyTorch. */
  private moveUp(isByPlace: boolean): void {
    if (isByPlace) {
      const children = [...this.given.values()];
      this.given.clear();
      children.forEach((child, i) => this.given.set(String(i), child));
    }
    this.placeChildren();
  }

  /** What has been put behind the last place of a list, as in `list[list.length] = module`, is in it. */
  private takeIn(): void {
    for (;;) {
      const value: unknown = Object.getOwnPropertyDescriptor(this.module, this.given.size)?.value;
      if (!(isModule(value))) return;
      const name = this.freeName();
      this.script?.check(name, value);
      this.hold('module', name, value as M);
      this.changed();
    }
  }

  /** Under which property the part of this name is found. */
  protected propertyOf(name: string): string {
    if (this.listBase) return isNumber(name) ? String([...this.given.keys()].indexOf(name)) : name;
    return this.script ? this.script.property(name) : name;
  }

  private check(kind: PartKind, name: string, value: unknown): void {
    const isRight =
      value === null ||
      (kind === 'module' && isModule(value)) ||
      (kind === 'parameter' && value instanceof Parameter) ||
      (kind === 'buffer' && value instanceof Tensor && !(value instanceof Parameter));
    const expected = { module: 'a Module or null', parameter: 'an nn.Parameter', buffer: 'a Tensor or null' }[kind];
    if (this.script?.isLoaded && (kind === 'module' || value === null)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `${this.className}: expected "${name}" to stay what it is, because the TorchScript of a file or a trace is compiled for it; put the model into an nn.Module of your own, or an nn.Sequential`,
      );
    }
    if (!isRight) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `${this.className}: expected ${this.propertyOf(name)} to be ${expected}, got ${describeValue(value)}`,
      );
    }
    if (kind === 'module' && value !== null) this.script?.check(name, value as M);
  }

  private setChild(name: string, child: M | null): void {
    const before = this.given.get(name)!;
    if (child === before) return;
    this.given.set(name, child);
    this.apply(() => this.given.set(name, before));
  }

  private setTensor(kind: PartKind, name: string, value: Tensor | null): void {
    const has = !this.pending.has(name) && this.native!.tensor(name) !== null;
    if (has && value) return this.native!.setTensor(name, value.handle);
    if (!has && !value && !this.pending.has(name)) return;
    this.pending.set(name, [kind, value && value.handle]);
    this.apply(() => this.pending.delete(name));
  }

  /** Properties that have been deleted, or defined over by a field of a subclass, since they were exposed. */
  protected lookAtProperties(): void {
    let [isShorter, isByPlace] = [false, false];
    for (const [property, [kind, name]] of this.exposed) {
      const own = Object.getOwnPropertyDescriptor(this.module, property);
      if (own === undefined) {
        if (kind === 'module') {
          if (!this.given.delete(name)) continue;
          isShorter = true;
          isByPlace ||= isNumber(property);
          this.changed();
        } else if (!this.script!.isLoaded && this.native!.tensor(name) !== null) this.pending.set(name, [kind, undefined]);
      } else if ('value' in own) {
        this.show(property, kind, name);
        if (own.value === undefined) continue;
        this.check(kind, name, own.value);
        if (kind === 'module') this.given.set(name, own.value as M | null);
        else this.pending.set(name, [kind, (own.value as Tensor | null)?.handle ?? null]);
        this.changed();
      }
    }
    if (!this.listBase) return;
    if (isShorter) this.moveUp(isByPlace);
    this.takeIn();
  }
}
