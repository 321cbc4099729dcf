import { boundaries, mutateBytes } from './mutate';
import type { FuzzRandom } from './random';

/** How many bytes follow an instruction of fixed length. */
const operands: Record<number, number> = {
  0x80: 1, 0x4b: 1, 0x4d: 2, 0x4a: 4, 0x47: 8, 0x71: 1, 0x68: 1, 0x72: 4, 0x6a: 4,
};
const opcodes = [...'().]}Nabcehjqrstuu0123IlFdpSTViogGJKMQRUX'].map((text) => text.charCodeAt(0)).concat(
  0x80, 0x81, 0x82, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8f, 0x93, 0x94, 0x95,
);
const globals = [
  ...['os\nsystem', 'builtins\neval', '__main__\nNet', 'collections\nOrderedDict', 'collections\nCounter'],
  ...['Size', 'device', 'Tensor', 'float64', 'uint16', 'FloatStorage', 'BoolStorage', 'ComplexDoubleStorage'].map(
    (name) => `torch\n${name}`,
  ),
  ...['_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_tensor_v3', '_rebuild_parameter'].map(
    (name) => `torch._utils\n${name}`,
  ),
  ...['torch._tensor\n_rebuild_from_type_v2', 'torch.storage\nUntypedStorage', 'torch.nn.parameter\nParameter'],
  ...['_rebuild_sparse_tensor', '_rebuild_qtensor', '_rebuild_nested_tensor', '_rebuild_meta_tensor_no_storage'].map(
    (name) => `torch._utils\n${name}`,
  ),
  ...['torch._utils\n_rebuild_device_tensor_from_cpu_tensor', 'torch.serialization\n_get_layout', '_codecs\nencode'],
  ...['set', 'bytearray', 'complex'].map((name) => `__builtin__\n${name}`),
  ...['FloatTensor', 'QInt8Storage', 'QInt32Storage', 'per_tensor_affine', 'per_channel_affine', 'float8_e8m0fnu'].map(
    (name) => `torch\n${name}`,
  ),
  ...['torch.cuda\nHalfStorage', 'torch.sparse\nFloatTensor', 'numpy.core.multiarray\nscalar'],
];

/** The pickles that lie behind each other at the beginning of some bytes, and what follows them. */
export function picklesOf(bytes: Buffer, count: number): Buffer[] {
  const result: Buffer[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const instructions = instructionsOf(bytes.subarray(at));
    const stop = instructions.findIndex((instruction) => instruction[0] === 0x2e);
    const pickle = Buffer.concat(instructions.slice(0, stop + 1));
    result.push(pickle);
    at += pickle.length;
  }
  return [...result, bytes.subarray(at)];
}

/** The instructions of a pickle that `torch.save` wrote, as far as they go. */
function instructionsOf(pickle: Buffer): Buffer[] {
  const result: Buffer[] = [];
  for (let at = 0; at < pickle.length; ) {
    const opcode = pickle[at]!;
    let length = 1 + (operands[opcode] ?? 0);
    if (opcode === 0x58) length = 5 + pickle.readUInt32LE(at + 1);
    if (opcode === 0x8a || opcode === 0x55) length = 2 + pickle[at + 1]!;
    if (opcode === 0x63) length = pickle.indexOf(10, pickle.indexOf(10, at) + 1) + 1 - at;
    result.push(pickle.subarray(at, at + length));
    if (opcode === 0x2e) break;
    at += length;
  }
  return result;
}

/** A pickle with some instructions changed, or with its bytes changed anywhere. */
export function mutatePickle(pickle: Buffer, random: FuzzRandom): Buffer {
  if (random.below(4) === 0) return mutateBytes(pickle, random);
  const instructions = instructionsOf(pickle);
  for (let left = 1 + random.below(3); left > 0; left--) changeInstruction(instructions, random);
  return Buffer.concat(instructions);
}

function changeInstruction(instructions: Buffer[], random: FuzzRandom): void {
  if (instructions.length === 0) return;
  const at = random.below(instructions.length);
  const other = random.below(instructions.length);
  switch (random.below(8)) {
    case 0: instructions.splice(at, 1 + random.below(4)); break;
    case 1: instructions.splice(at, 0, ...instructions.slice(other, other + 1 + random.below(8))); break;
    case 2: [instructions[at], instructions[other]] = [instructions[other]!, instructions[at]!]; break;
    case 3: instructions[at] = Buffer.of(random.pick(opcodes)); break;
    case 4: replace(instructions, random, isInteger, integer(random)); break;
    case 5: replace(instructions, random, isInteger, integer(random)); break;
    case 6: replace(instructions, random, (opcode) => opcode === 0x63, Buffer.from(`c${random.pick(globals)}\n`)); break;
    default: replace(instructions, random, (opcode) => opcode === 0x68, Buffer.of(0x68, random.below(40)));
  }
}

const isInteger = (opcode: number) => opcode === 0x4b || opcode === 0x4d || opcode === 0x4a || opcode === 0x8a;

/** Puts `by` in place of one of the instructions of a kind. */
function replace(instructions: Buffer[], random: FuzzRandom, isKind: (opcode: number) => boolean, by: Buffer): void {
  const places = [...instructions.keys()].filter((i) => isKind(instructions[i]![0] ?? 0));
  if (places.length > 0) instructions[random.pick(places)] = by;
}

function integer(random: FuzzRandom): Buffer {
  if (random.below(2) === 0) return Buffer.of(0x4b, random.below(20));
  const bytes = Buffer.alloc(10);
  bytes.set([0x8a, 8]);
  bytes.writeBigUInt64LE(random.pick(boundaries), 2);
  return bytes;
}
