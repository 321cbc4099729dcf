"""Split MNIST with a loop written by hand: split_mnist_loop.py MINI_BATCH CLASSES LAMBDA SEED FOLDER"""

import sys
import time

import torch
from torch import nn
from workload import print_result, random_pairs, split_mnist

mini_batch, classes, lambda_reg, seed, folder = sys.argv[1:]
mini_batch, lambda_reg, alpha = int(mini_batch), float(lambda_reg), 0.5


def importance_of(model, optimizer, x):
    parameters = list(model.parameters())
    sums = [torch.zeros_like(parameter) for parameter in parameters]
    batches = x.split(mini_batch)
    for batch in batches:
        optimizer.zero_grad()
        model(batch).square().sum(1).mean().backward()
        for total, parameter in zip(sums, parameters):
            total += parameter.grad.abs()
    return [total / len(batches) for total in sums]


def train(pairs):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    parameters = list(model.parameters())
    importance = anchor = None
    start = time.perf_counter()
    for x, y in pairs:
        for rows in torch.randperm(len(x)).split(mini_batch):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            if importance is not None:
                loss = loss + lambda_reg * sum(
                    (omega * (parameter - old) ** 2).sum()
                    for omega, parameter, old in zip(importance, parameters, anchor)
                )
            loss.backward()
            optimizer.step()
        latest = importance_of(model, optimizer, x)
        if importance is None:
            importance = latest
        else:
            importance = [alpha * old + (1 - alpha) * new for old, new in zip(importance, latest)]
        anchor = [parameter.detach().clone() for parameter in parameters]
    return time.perf_counter() - start


torch.manual_seed(int(seed))
pairs = split_mnist(folder, [int(digit) for digit in classes])
train(random_pairs(10 * mini_batch, (1, 28, 28)))
print_result(seconds=train(pairs))
