import { ContinualTorchError, quoteName } from '../errors';

/** What to do in Python, by what a global is; the first that fits. */
const advice: readonly (readonly [kind: RegExp, what: string])[] = [
  [
    /^numpy\./,
    'It is of numpy, which PyTorch refuses here too: save torch.from_numpy(array) for an array, and float(x), int(x) or x.item() for a number',
  ],
  [/^argparse\./, 'Save vars(args), a dict, instead of the arguments'],
  [/^(pytorch_lightning|lightning)(\.|_)/, "It is a checkpoint of Lightning: save its checkpoint['state_dict'] alone"],
  [/^omegaconf\./, 'Save OmegaConf.to_container(config, resolve=True) instead of the configuration'],
  [/^transformers\./, 'Save config.to_dict() and model.state_dict(), or use model.save_pretrained and loadSafetensors'],
  [/^torch\.optim\./, 'Save optimizer.state_dict() and scheduler.state_dict() instead of the objects'],
  [
    /^torch\.nested\.|^torch\._dynamo\./,
    'It is a jagged tensor: save tensor.to_padded_tensor(0) or its values() and offsets()',
  ],
  [/^torch\.distributed\./, 'It is a tensor spread over devices: save tensor.full_tensor()'],
  [/^(pathlib|datetime|uuid|decimal|fractions)\./, 'Save str(value)'],
  [
    /^builtins\.bytes$/,
    'Protocol 2 writes empty bytes as a call: save None or some bytes instead',
  ],
  [
    /^collections\.|^builtins\.(dict|frozenset|range|slice|object)$|^types\.SimpleNamespace$/,
    'Save dict(value), list(value) or set(value)',
  ],
  [/^enum\.|\.Enum$/, 'Save value.value'],
  [
    /^functools\.|^(cloudpickle|dill|types|copyreg|copy_reg|importlib|builtins|operator|os|posix|nt|sys|subprocess|runpy)\./,
    'It stands for code, which is never run: save data alone',
  ],
  [
    /^torch\.(b?float|complex|u?int|q?u?int|bits)[0-9a-z_]+$/,
    'It may be a dtype of a newer PyTorch: save tensor.float(), or tensor.view(torch.uint8) to keep the bits',
  ],
  [/^torch\.(?!nn\.)/, 'Save tensors, state dicts and plain values alone'],
];

const forModels = 'Save these alone in Python, a model as torch.save(model.state_dict(), path)';

/** Refuses a global, and says what to save instead of what it belongs to. */
export function unsafeGlobal(name: string, file: string): ContinualTorchError {
  const what = advice.find(([kind]) => kind.test(name))?.[1] ?? forModels;
  return new ContinualTorchError(
    'ERR_UNSAFE_GLOBAL',
    `torch.load: expected tensors, dicts, lists, strings and numbers only, ${file} has the global ${quoteName(name)}. ${what}`,
  );
}
