"""Several processes that train one network, started by ``torchrun``.

Each reads crops of its own; DistributedDataParallel averages the gradients, so all hold the same
weights. Only the first saves, validates and speaks. Without torchrun there is one process and
nothing here does anything.
"""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Team:
    """Which of how many processes this is, and the device it trains on."""

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        cuda = torch.cuda.is_available()
        self.device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if cuda else "cpu"
        if self.size > 1:
            dist.init_process_group("nccl" if cuda else "gloo")
        if cuda:
            torch.cuda.set_device(self.device)

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, module: nn.Module) -> nn.Module:
        """``module`` with its gradients averaged over the team. Not every conditioning uses all
        there is of the emotion.
        """
        if self.size == 1:
            return module
        return DistributedDataParallel(module, find_unused_parameters=True)

    def agree(self, progress: float) -> float:
        """The first process's ``progress``: clocks differ, and all must stop at the same step."""
        if self.size == 1:
            return progress
        told = torch.tensor([progress], dtype=torch.float64, device=self.device)
        dist.broadcast(told, 0)
        return float(told)

    def leave(self) -> None:
        """When the run has ended."""
        if self.size > 1:
            dist.destroy_process_group()
