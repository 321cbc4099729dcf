"""Ends once Avalanche is imported and a first tensor is there; the process that started this one measures."""

import avalanche_imported  # noqa: F401
import avalanche  # noqa: F401
import torch

print('{"sum": %g}' % torch.tensor([1.0, 2.0]).sum())
