"""A call of a 3-layer MLP in PyTorch, recorded for backward: mlp_call.py CALLS BATCH"""

import sys
import time

import torch
from torch import nn
from workload import print_result

calls, batch = map(int, sys.argv[1:])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


model, x = Net(), torch.randn(batch, 784)
for _ in range(calls // 10):
    model(x)
start = time.perf_counter_ns()
for _ in range(calls):
    model(x)
print_result(microseconds=(time.perf_counter_ns() - start) / calls / 1000)
