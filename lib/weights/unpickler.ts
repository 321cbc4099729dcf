import { isUtf8 } from 'node:buffer';
import type { Work } from '../latency';

/** A Python class or function that a pickle may name; what calling it stands for, the references know. */
export class PickledGlobal {
  constructor(
    /** With its module, `"torch._utils._rebuild_tensor_v2"` for example. */
    readonly name: string,
  ) {}
}

/** What a pickle refers to outside of itself. All throw for what they do not know. */
export interface PickleReferences {
  global(name: string): unknown;
  persistent(id: unknown): unknown;
  /** What a call gives, or a `Filling`; `isNew`: of a class, without its `__init__`. */
  call(callee: PickledGlobal, args: unknown[], isNew: boolean): unknown;
  /** Sets the state of an object other than a dict. */
  build(object: unknown, state: unknown): void;
}

/** A Map or Set that a call gives, and the entries that are to be put into it. */
export class Filling {
  constructor(
    readonly container: unknown,
    readonly count: number,
    readonly put: (index: number) => void,
  ) {}
}

/** A pickle ends before its last instruction. */
export class PickleCutShort extends Error {}

/** An instruction that is not among those of `torch.save`. */
export class UnknownInstruction extends Error {}

/**
 * What one pickle may cost: an instruction counts 1; one that makes an object, an entry of a dict or set, or one that
 * remembers what Python would not, 8 more; another that remembers, and an item that is appended, 1 more; 16 bytes or one
 * item that a call is given 1; and a key that is no small integer but a number 2000. 32 million are about 400,000 tensors,
 * and about 1 GB of objects where somebody means harm.
 */
const budget = 32_000_000;
const objectCost = 8;
/** So that no more than 16,000 can be in each other's way. */
const oddKeyCost = 2000;
/** What is spent between two turns of the event loop: on some hundred tensors, say. */
const portion = 2 ** 14;

/**
 * Runs the pickle instructions that `torch.load(weights_only=True)` runs: they build lists (as arrays), tuples (as
 * arrays), dicts (as Maps), sets, strings, numbers (bigint beyond 2^53), booleans and None (null). No code of the file's
 * choice is run: a global is what `references` make of its name, and a call what they make of a `PickledGlobal`.
 * @param name what messages call the pickle
 * @returns the value, and how many bytes made it
 * @throws PickleCutShort; Error with the detail for anything else, and what `references` throw
 */
export function unpickle(
  pickle: Buffer,
  references: PickleReferences,
  name = 'data.pkl',
): Work<{ value: unknown; length: number }> {
  return new Unpickler(pickle, references, name).run();
}

class Unpickler {
  private at = 0;
  private spent = 0;
  private nextTurn = portion;
  private protocol = 0;
  private stack: unknown[] = [];
  /** The stacks below each open mark. */
  private readonly marks: unknown[][] = [];
  /** What is remembered, by its index: Python counts from 0 or 1 on, and what comes otherwise lies beside. */
  private readonly memo: unknown[] = [];
  private readonly oddMemo = new Map<number, unknown>();

  constructor(
    private readonly pickle: Buffer,
    private readonly references: PickleReferences,
    private readonly name: string,
  ) {}

  *run(): Work<{ value: unknown; length: number }> {
    for (;;) {
      const opcode = this.pickle[this.advance(1)]!;
      if (opcode === 0x2e) return { value: this.pop(), length: this.at }; // STOP
      this.spend(1);
      const filling = this.step(opcode);
      if (filling !== undefined) yield* filling;
      if (this.isTurn()) yield;
    }
  }

  /** Whether the event loop is to have its turn now. */
  private isTurn(): boolean {
    if (this.spent < this.nextTurn) return false;
    this.nextTurn = this.spent + portion;
    return true;
  }

  /** @returns what an instruction that may take long has left to do */
  private step(opcode: number): Work<void> | undefined {
    const { pickle, stack } = this;
    switch (opcode) {
      case 0x80: this.protocol = pickle[this.advance(1)]!; break; // PROTO
      case 0x4e: stack.push(null); break; // NONE
      case 0x88: stack.push(true); break; // NEWTRUE
      case 0x89: stack.push(false); break; // NEWFALSE
      case 0x4b: stack.push(pickle[this.advance(1)]); break; // BININT1
      case 0x4d: stack.push(pickle.readUInt16LE(this.advance(2))); break; // BININT2
      case 0x4a: stack.push(pickle.readInt32LE(this.advance(4))); break; // BININT
      case 0x8a: stack.push(this.long(pickle[this.advance(1)]!)); break; // LONG1
      case 0x47: stack.push(pickle.readDoubleBE(this.advance(8))); break; // BINFLOAT
      case 0x58: stack.push(this.text(pickle.readUInt32LE(this.advance(4)))); break; // BINUNICODE
      case 0x55: stack.push(this.text(pickle[this.advance(1)]!)); break; // SHORT_BINSTRING
      case 0x28: // MARK
        this.spend(objectCost);
        this.marks.push(stack);
        this.stack = [];
        break;
      case 0x29: this.object([]); break; // EMPTY_TUPLE
      case 0x5d: this.object([]); break; // EMPTY_LIST
      case 0x7d: this.object(new Map()); break; // EMPTY_DICT
      case 0x8f: this.object(new Set()); break; // EMPTY_SET
      case 0x85: this.object(this.popped(1)); break; // TUPLE1
      case 0x86: this.object(this.popped(2)); break; // TUPLE2
      case 0x87: this.object(this.popped(3)); break; // TUPLE3
      case 0x74: this.object(this.popToMark()); break; // TUPLE
      case 0x61: return this.append(this.popped(1)); // APPEND
      case 0x65: return this.append(this.popToMark()); // APPENDS
      case 0x73: return this.setItems(this.popped(2)); // SETITEM
      case 0x75: return this.setItems(this.popToMark()); // SETITEMS
      case 0x71: this.remember(pickle[this.advance(1)]!); break; // BINPUT
      case 0x72: this.remember(pickle.readUInt32LE(this.advance(4))); break; // LONG_BINPUT
      case 0x68: stack.push(this.recalled(pickle[this.advance(1)]!)); break; // BINGET
      case 0x6a: stack.push(this.recalled(pickle.readUInt32LE(this.advance(4)))); break; // LONG_BINGET
      case 0x63: this.object(this.references.global(`${this.line()}.${this.line()}`)); break; // GLOBAL
      case 0x51: this.object(this.references.persistent(this.pop())); break; // BINPERSID
      case 0x81: return this.call(true); // NEWOBJ
      case 0x52: return this.call(false); // REDUCE
      case 0x62: this.build(); break; // BUILD
      default: {
        const where = `0x${opcode.toString(16)} at byte ${this.at - 1} of ${this.name}`;
        const advice = ` (protocol ${this.protocol}: save it in Python without pickle_protocol)`;
        throw new UnknownInstruction(`pickle instruction ${where}, which torch.save does not use${this.protocol > 2 ? advice : ''}`);
      }
    }
    return undefined;
  }

  private call(isNew: boolean): Work<void> | undefined {
    const [callee, args] = this.popped(2);
    if (!(callee instanceof PickledGlobal)) throw new Error(`${this.name} calls what is no function`);
    if (!Array.isArray(args)) throw new Error(`${this.name} calls ${callee.name} without a tuple of arguments`);
    for (const item of args as unknown[]) this.spendOnCopy(item);
    const made = this.references.call(callee, args, isNew);
    if (!(made instanceof Filling)) return void this.object(made);
    this.object(made.container);
    return this.fill(made.count, objectCost, made.put);
  }

  /** What a call may copy, or make anew, of one of its arguments. */
  private spendOnCopy(argument: unknown): void {
    if (typeof argument === 'string' || argument instanceof Uint8Array) this.spend(argument.length >> 4);
    if (!Array.isArray(argument)) return;
    this.spend(argument.length);
    for (const item of argument as unknown[]) this.spendOnKey(Array.isArray(item) ? item[0] : item);
  }

  /** Maps and Sets find numbers that are no small integers by a hash that whoever writes a file can make collide. */
  private spendOnKey(key: unknown): void {
    if (typeof key === 'bigint' || (typeof key === 'number' && key !== (key | 0))) this.spend(oddKeyCost);
  }

  private build(): void {
    const state = this.pop();
    // The attributes of an OrderedDict (`_metadata` of a state dict) have no place in a Map.
    if (!(this.top() instanceof Map)) this.references.build(this.top(), state);
  }

  private append(items: unknown[]): Work<void> {
    const list = this.top();
    if (!Array.isArray(list)) throw new Error(`${this.name} appends to something other than a list`);
    return this.fill(items.length, 1, (i) => list.push(items[i]));
  }

  private setItems(items: unknown[]): Work<void> {
    const dict = this.top();
    if (!(dict instanceof Map)) throw new Error(`${this.name} sets items of something other than a dict`);
    if (items.length % 2 !== 0) throw new Error(`${this.name} sets an item without a value`);
    return this.fill(items.length / 2, objectCost, (i) => {
      this.spendOnKey(items[2 * i]);
      dict.set(items[2 * i], items[2 * i + 1]);
    });
  }

  /** Puts so many items where they belong, for `cost` each. */
  private *fill(count: number, cost: number, put: (index: number) => void): Work<void> {
    for (let i = 0; i < count; i++) {
      this.spend(cost);
      put(i);
      if (this.isTurn()) yield;
    }
  }

  private object(object: unknown): void {
    this.spend(objectCost);
    this.stack.push(object);
  }

  private spend(cost: number): void {
    this.spent += cost;
    if (this.spent > budget) throw new Error(`${this.name} builds more objects than a file of tensors needs`);
  }

  private remember(index: number): void {
    this.spend(1);
    if (index <= this.memo.length + 1) {
      this.memo[index] = this.top();
    } else {
      this.spend(objectCost);
      this.oddMemo.set(index, this.top());
    }
  }

  private recalled(index: number): unknown {
    const object = index < this.memo.length ? this.memo[index] : this.oddMemo.get(index);
    if (object === undefined) throw new Error(`${this.name} refers to object ${index}, which it has not built`);
    return object;
  }

  private top(): unknown {
    if (this.stack.length === 0) throw new Error(`${this.name} takes more values than it has built`);
    return this.stack.at(-1);
  }

  private pop(): unknown {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  private popped(count: number): unknown[] {
    if (this.stack.length < count) throw new Error(`${this.name} takes more values than it has built`);
    return this.stack.splice(-count);
  }

  private popToMark(): unknown[] {
    const items = this.stack;
    const below = this.marks.pop();
    if (!below) throw new Error(`${this.name} takes more values than it has built`);
    this.stack = below;
    return items;
  }

  /** The position of the next so many bytes, which are then behind. */
  private advance(count: number): number {
    const from = this.at;
    if (count > this.pickle.length - from) throw new PickleCutShort(`${this.name} is cut short`);
    this.at += count;
    return from;
  }

  private text(length: number): string {
    const from = this.advance(length);
    const bytes = this.pickle.subarray(from, from + length);
    if (!isUtf8(bytes)) throw new Error(`${this.name} has a string that is not encoded in UTF-8`);
    return bytes.toString('utf8');
  }

  private line(): string {
    const end = this.pickle.indexOf(0x0a, this.at);
    if (end < 0) throw new PickleCutShort(`${this.name} is cut short`);
    const text = this.text(end - this.at);
    this.at++;
    return text;
  }

  private long(length: number): number | bigint {
    const from = this.advance(length);
    this.spend(length >> 2);
    const digits = Buffer.from(this.pickle.subarray(from, this.at)).reverse().toString('hex');
    const value = BigInt.asIntN(8 * length, BigInt(`0x0${digits}`));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
}
