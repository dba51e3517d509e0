"""Training by several processes that torchrun started: how many they are, which one this is, and their group. Trains nothing.

The first one, rank 0, writes, prints and scores; the others train beside it and leave nothing. A GPU each where there are any
(NCCL), else processors (gloo).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from voicecam.errors import ModelError

STARTED = "TORCHELASTIC_RUN_ID"  # torchrun's own; RANK and WORLD_SIZE can stand in the environment for other programs
SPEECH = "training a speech model"
COMMANDS = ("train", "run")  # that several processes may do together
LONGEST = timedelta(days=7)  # that others wait for the first one, which makes a corpus's images alone
LOST = ("connection closed by peer", "connection reset by peer", "broken pipe")  # gloo's words, in a RuntimeError


def processes() -> int:
    """How many processes train together; 1 where nobody started several, and once a training in a group has ended."""
    return int(os.environ["WORLD_SIZE"]) if STARTED in os.environ else 1


def rank() -> int:
    """Which of them this is: 0 is the first one, which writes."""
    return int(os.environ["RANK"]) if STARTED in os.environ else 0


def check_alone(what: str) -> None:
    """Raise ModelError where several processes are to do `what`, which one alone does."""
    if processes() > 1:
        raise ModelError(f"{what}: one process does it, and torchrun started {processes()}; give the command without torchrun")


@contextmanager
def group() -> Iterator[None]:
    """Within the block the processes can talk to each other; afterwards each is a process of its own. Nothing where there is one.

    Raises ModelError, one line, where another of them is lost.
    """
    if processes() == 1:
        yield
        return
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available(), timeout=LONGEST)
    try:
        yield
    except RuntimeError as reason:
        if isinstance(reason, torch.distributed.DistError) or any(words in str(reason).lower() for words in LOST):
            raise ModelError("another process of this training ended; the same command goes on from here") from None
        raise
    state.destroy_process_group()
    os.environ["WORLD_SIZE"] = "1"  # fastai would look for the others


@contextmanager
def first_alone() -> Iterator[None]:
    """Within a group: the first process goes through the block, then all others, which find what it made."""
    if processes() == 1:
        yield
        return
    from accelerate import PartialState

    with PartialState().main_process_first():
        yield
