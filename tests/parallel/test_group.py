"""Real processes that meet over gloo on 127.0.0.1: two, three and four, each size once for everything."""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch

from flowact.parallel.frames import share_frames
from flowact.parallel.group import joined
from flowact.parallel.membership import Membership
from tests.parallel.sessions import difference, stream
from tests.tiny_transformer import tiny_transformer

CASES = (("gather", torch.float64), ("gather", torch.float32), ("ulysses", torch.float64))
PATIENCE = 120
BOUNDS = {torch.float64: 1e-12, torch.float32: 1e-6}


@pytest.fixture(scope="module")
def forks() -> Iterator[Any]:
    """Processes that find everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


@torch.inference_mode()
def on_rank(member: Membership, heads: int, parent: Connection) -> None:
    torch.set_num_threads(1)
    made = []
    with joined(member, torch.device("cpu")) as group:
        for exchange, dtype in CASES:
            model = tiny_transformer(heads=heads).to(dtype)
            share_frames(model, group, exchange)
            made.append([part.numpy() for part in stream(model)])
    parent.send(made)


def received(pipe: Connection) -> Any:
    assert pipe.poll(PATIENCE), "a rank says nothing"
    return pipe.recv()


@pytest.mark.parametrize("ranks", [2, 3, 4])
@torch.inference_mode()
def test_processes_agree_with_one_and_with_each_other(
    ranks: int, tmp_path: Path, forks: Any
) -> None:
    heads = 3 if ranks == 3 else 4
    pipes, processes = [], []
    for rank in range(ranks):
        ours, theirs = forks.Pipe()
        member = Membership(rank, ranks, tmp_path / "meeting")
        processes.append(forks.Process(target=on_rank, args=(member, heads, theirs), daemon=True))
        processes[-1].start()
        theirs.close()
        pipes.append(ours)
    everybody = [
        [[torch.from_numpy(part) for part in case] for case in received(pipe)] for pipe in pipes
    ]
    for process in processes:
        process.join(PATIENCE)
        assert process.exitcode == 0
    for index, (_, dtype) in enumerate(CASES):
        alone = stream(tiny_transformer(heads=heads).to(dtype))
        for made in everybody:
            assert all(map(torch.equal, made[index], everybody[0][index]))
            assert difference(made[index], alone) < BOUNDS[dtype]
