"""Processes that share a training: torchrun starts them, torch.distributed connects them."""

import atexit
import os
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from mmi import _mmi

# How long a rank is waited for: in a collective operation, and when one has failed.
TIMEOUT_S = float(os.environ.get("MMI_DDP_TIMEOUT_S", "120"))
ANSWER_S = 3.0

_joined = False


def _missing(store: Any, rank: int, world: int) -> list[int]:
    """The ranks that do not answer; every rank that is left asks at the same time."""
    try:
        store.set(f"mmi/here/{rank}", "")
    except RuntimeError:
        return []  # the store itself is gone, and with it the answer
    gone = []
    for other in range(world):
        try:
            store.wait([f"mmi/here/{other}"], timedelta(seconds=ANSWER_S))
        except (RuntimeError, dist.DistError):
            gone.append(other)
    return gone


def join() -> None:
    """Joins the processes that torchrun started; without torchrun, or a second time, does nothing.

    A group that the script began itself is used; it must serve CPU tensors (gloo) too.
    CPU tensors go through gloo, those of GPUs (one a process) through NCCL.
    """
    global _joined
    if _joined or int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return
    _joined = True
    if not dist.is_initialized():
        backend = "gloo"
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
            backend = "cpu:gloo,cuda:nccl"
        dist.init_process_group(backend, timeout=timedelta(seconds=TIMEOUT_S))
        atexit.register(dist.destroy_process_group)
    rank, world = dist.get_rank(), dist.get_world_size()
    store = dist.distributed_c10d._get_default_store()
    group = dist.distributed_c10d._get_default_group()
    _mmi.join_group(group.group_name, rank, world, lambda: _missing(store, rank, world))
    atexit.register(_mmi.leave_group)
