"""What the peers' programs share: data, and the one line that each prints."""

import json
import os
import resource
import sys
from pathlib import Path

import numpy
import torch


DEVICE = torch.device(os.environ.get("BENCH_DEVICE", "cpu"))


def finish():
    """Waits for all that a GPU has been told to do."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize(DEVICE)


def split_mnist(folder, classes):
    """(x, y) for each pair of neighbours in `classes`: float32 [N, 1, 28, 28], normalised; int64 [N]."""
    images = numpy.fromfile(Path(folder) / "train-images-idx3-ubyte", dtype=numpy.uint8)[16:].reshape(-1, 1, 28, 28)
    labels = numpy.fromfile(Path(folder) / "train-labels-idx1-ubyte", dtype=numpy.uint8)[8:]
    pairs = []
    for pair in zip(classes[::2], classes[1::2]):
        chosen = numpy.isin(labels, pair)
        x = torch.from_numpy(images[chosen]).float().div_(255).sub_(0.1307).div_(0.3081)
        pairs.append((x, torch.from_numpy(labels[chosen].astype(numpy.int64))))
    return pairs


def random_pairs(samples, shape):
    """Data for two experiences where the numbers do not matter."""
    return [(torch.randn(samples, *shape), torch.randint(0, 10, (samples,))) for _ in range(2)]


def print_result(**values):
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    print(json.dumps({**values, "peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6}))
