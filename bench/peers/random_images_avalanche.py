"""MAS on random images with Avalanche: random_images_avalanche.py MODEL(SimpleCNN | SlimResNet18) MINI_BATCH SAMPLES LAMBDA"""

import sys

import avalanche_imported  # noqa: F401
import torch
from avalanche.models import SimpleCNN, SlimResNet18
from avalanche_training import train
from workload import print_result, random_pairs

name, mini_batch, samples, weight = sys.argv[1:]
make_model = {"SimpleCNN": SimpleCNN, "SlimResNet18": SlimResNet18}[name]
settings = {"mini_batch": int(mini_batch), "method": "mas", "weight": float(weight)}
shape = (3, 32, 32)

torch.manual_seed(1)
train(make_model(10), random_pairs(2 * settings["mini_batch"], shape), **settings)
print_result(**train(make_model(10), random_pairs(int(samples), shape), **settings))
