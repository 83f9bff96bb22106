import pytest

from flowact.hardware.speedups import bf16_speedup, int8_speedup, linear_speedup


@pytest.mark.parametrize("measure", [bf16_speedup, int8_speedup, linear_speedup])
def test_formats_are_compared_on_this_machine(measure) -> None:
    assert 0.01 < measure(seconds=0.05) < 100
