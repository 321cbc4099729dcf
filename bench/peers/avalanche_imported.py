"""Import this first: `import avalanche` then works beside a CPU build of torch, without packages that training never uses.

Avalanche imports, whatever it is used for, packages for downloads, logging services and quadratic programs; each that is
not installed gets an empty stand-in. A torchvision whose compiled operators do not load beside this build of torch still
describes two of them to torch, which must therefore be declared.
"""

import importlib
import importlib.util
import os
import sys
import types
import warnings
from pathlib import Path

import torch

warnings.filterwarnings("ignore")
# matplotlib, which Avalanche imports, shall not look for a display.
os.environ.setdefault("MPLBACKEND", "agg")


class StandIn(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None


for package in [
    "wandb",
    "gdown",
    "GPUtil",
    "quadprog",
    "qpsolvers",
    "pytorchcv",
    "pytorchcv.models",
    "pytorchcv.models.mobilenet",
    "pytorchcv.models.pyramidnet_cifar",
]:
    try:
        importlib.import_module(package)
    except ImportError:
        sys.modules[package] = StandIn(package)


def loads(library):
    try:
        torch.ops.load_library(library)
        return True
    except OSError:
        return False


torchvision = Path(importlib.util.find_spec("torchvision").origin).parent
if not any(loads(library) for library in torchvision.glob("_C.*")):
    declared = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ["nms", "qnms"]:
        declared.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
