"""One training of a model with Avalanche, as its documentation shows it."""

import time

import torch
from avalanche.benchmarks import tensors_benchmark
from avalanche.training import EWC, MAS, LwF, Naive, SynapticIntelligence
from avalanche.training.plugins import EvaluationPlugin
from workload import DEVICE, finish


METHODS = {
    "naive": lambda weight, **settings: Naive(**settings),
    "mas": lambda weight, **settings: MAS(lambda_reg=weight, alpha=0.5, **settings),
    "ewc": lambda weight, **settings: EWC(ewc_lambda=weight, **settings),
    "si": lambda weight, **settings: SynapticIntelligence(si_lambda=weight, **settings),
    "lwf": lambda weight, **settings: LwF(alpha=weight, temperature=2, **settings),
}


def train(model, pairs, mini_batch, method, weight):
    """Trains on each (x, y); returns the seconds of it, and of what the method does behind the experiences."""
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
    strategy = METHODS[method](weight, **settings)
    plugins = [plugin for plugin in strategy.plugins if type(plugin).__name__ == "MASPlugin"]
    for plugin in plugins:
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
