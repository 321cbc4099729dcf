"""Split MNIST with Avalanche: split_mnist_avalanche.py STRATEGY(mas | ewc | si | lwf | naive) MINI_BATCH CLASSES LAMBDA SEED FOLDER"""

import sys

import avalanche_imported  # noqa: F401
import torch
from avalanche.models import SimpleMLP
from avalanche_training import train
from workload import print_result, random_pairs, split_mnist

strategy, mini_batch, classes, weight, seed, folder = sys.argv[1:]
settings = {"mini_batch": int(mini_batch), "method": strategy, "weight": float(weight)}
pairs = split_mnist(folder, [int(digit) for digit in classes])
make_model = lambda: SimpleMLP(drop_rate=0)  # noqa: E731

torch.manual_seed(int(seed))
train(make_model(), random_pairs(10 * settings["mini_batch"], (1, 28, 28)), **settings)
print_result(**train(make_model(), pairs, **settings))
