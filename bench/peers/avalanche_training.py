"""One training of a model with Avalanche, as its documentation shows it."""

import time

import torch
from avalanche.benchmarks import tensors_benchmark
from avalanche.training import MAS, Naive
from avalanche.training.plugins import EvaluationPlugin
from workload import DEVICE, finish


def train(model, pairs, mini_batch, lambda_reg):
    """Trains on each (x, y), with MAS unless `lambda_reg` is None; returns the seconds of it, and of importance passes."""
    stream = tensors_benchmark(train_tensors=pairs, test_tensors=pairs[:1], task_labels=[0] * len(pairs)).train_stream
    settings = {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9),
        "criterion": torch.nn.CrossEntropyLoss(),
        "train_mb_size": mini_batch,
        "train_epochs": 1,
        "evaluator": EvaluationPlugin(loggers=[]),
        "device": DEVICE,
    }
    importance_seconds = 0
    if lambda_reg is None:
        strategy = Naive(**settings)
    else:
        strategy = MAS(lambda_reg=lambda_reg, alpha=0.5, **settings)
        plugin = next(plugin for plugin in strategy.plugins if type(plugin).__name__ == "MASPlugin")
        after_training_exp = plugin.after_training_exp

        def timed(*args, **kwargs):
            nonlocal importance_seconds
            start = time.perf_counter()
            after_training_exp(*args, **kwargs)
            finish()
            importance_seconds += time.perf_counter() - start

        plugin.after_training_exp = timed
    start = time.perf_counter()
    for experience in stream:
        strategy.train(experience)
    finish()
    return {"seconds": time.perf_counter() - start, "importanceSeconds": importance_seconds}
