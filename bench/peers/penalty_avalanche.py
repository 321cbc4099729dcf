"""Avalanche's penalty alone: penalty_avalanche.py CALLS SIZES, the numbers of elements of all parameters, as JSON"""

import json
import statistics
import sys
import time
from types import SimpleNamespace

import avalanche_imported  # noqa: F401
import torch
from avalanche.training.plugins import MASPlugin
from avalanche.training.utils import ParamData
from workload import DEVICE, finish, print_result

calls, sizes = int(sys.argv[1]), json.loads(sys.argv[2])
torch.manual_seed(1)
model = torch.nn.Module()
for i, size in enumerate(sizes):
    model.register_parameter(f"p{i}", torch.nn.Parameter(torch.randn(size, device=DEVICE)))
plugin = MASPlugin(lambda_reg=1)
remembered = lambda make: {  # noqa: E731
    name: ParamData(name, parameter.shape, init_tensor=make(parameter)) for name, parameter in model.named_parameters()
}
plugin.importance, plugin.params = remembered(torch.rand_like), remembered(torch.randn_like)
strategy = SimpleNamespace(model=model, device=DEVICE, clock=SimpleNamespace(train_exp_counter=1), loss=None)


def penalise():
    """Seconds from a loss without penalty to the gradients; clearing them and making that loss are not the penalty's."""
    model.zero_grad()
    strategy.loss = torch.ones(1, device=DEVICE)
    finish()
    start = time.perf_counter()
    plugin.before_backward(strategy)
    strategy.loss.backward()
    finish()
    return time.perf_counter() - start


for _ in range(3):
    penalise()
print_result(milliseconds=1000 * statistics.median(penalise() for _ in range(calls)))
