"""What the processes of a worker are told."""

import pytest

from flowact.serving.worker import WorkerOptions


@pytest.mark.parametrize(
    ("devices", "ranks", "mapped", "decoder"),
    [
        (None, 2, [None, None], None),
        ("cpu", 2, ["cpu", "cpu"], "cpu"),
        ("cuda:0,cuda:1,cuda:2", 2, ["cuda:0", "cuda:1"], "cuda:2"),
        ("cuda:3,cuda:1", 1, ["cuda:3"], "cuda:1"),
        ("cuda:0,cuda:1,cuda:2,cuda:3", 3, ["cuda:0", "cuda:1", "cuda:2"], "cuda:3"),
    ],
)
def test_ranks_take_devices_in_order_and_the_decoder_takes_the_last(
    devices, ranks, mapped, decoder
) -> None:
    options = WorkerOptions(devices=devices, ranks=ranks, decoder_apart=True)
    assert [options.device(rank) for rank in range(ranks)] == mapped
    assert options.device(-1) == decoder
