import { describe, it } from 'mocha';
import { torch } from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { archive, global, legacy } from '../support/pickles';

describe('a global that torch.load refuses', () => {
  const advice: Record<string, RegExp> = {
    'numpy.core.multiarray.scalar':
      /torch\.from_numpy\(array\) for an array, and float\(x\), int\(x\) or x\.item\(\) for a number$/,
    'numpy._core.multiarray._reconstruct': /It is of numpy, which PyTorch refuses here too/,
    'numpy.dtype': /It is of numpy/,
    'argparse.Namespace': /Save vars\(args\), a dict/,
    'pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint': /save its checkpoint\['state_dict'\] alone$/,
    'lightning_fabric.utilities.data.AttributeDict': /checkpoint\['state_dict'\]/,
    'omegaconf.dictconfig.DictConfig': /OmegaConf\.to_container/,
    'transformers.models.bert.configuration_bert.BertConfig': /config\.to_dict\(\)/,
    'torch.nn.modules.linear.Linear': /a model as torch\.save\(model\.state_dict\(\), path\)$/,
    '__main__.Net': /a model as torch\.save\(model\.state_dict\(\), path\)$/,
    'model.BDA': /a model as torch\.save\(model\.state_dict\(\), path\)$/,
    'torch.optim.adam.Adam': /Save optimizer\.state_dict\(\)/,
    'torch.nested._internal.nested_tensor._rebuild_njt': /to_padded_tensor/,
    'torch.distributed.tensor.DTensor': /full_tensor\(\)/,
    'pathlib.PosixPath': /Save str\(value\)/,
    'collections.defaultdict': /Save dict\(value\)/,
    '__builtin__.frozenset': /"builtins\.frozenset"\. Save dict\(value\), list\(value\) or set\(value\)$/,
    'functools.partial': /code, which is never run/,
    'os.system': /code, which is never run/,
    'torch.float2_e1m0fn_x4': /a dtype of a newer PyTorch/,
    'torch.qint64': /a dtype of a newer PyTorch/,
    'torch.load': /Save tensors, state dicts and plain values alone$/,
  };

  for (const [name, message] of Object.entries(advice)) {
    it(`says what to save instead: ${name}`, async () => {
      for (const bytes of [archive(global(name)), legacy(global(name))]) {
        await rejectsWithCode(torch.load(bytes), 'ERR_UNSAFE_GLOBAL', message);
      }
    });
  }
});
