from __future__ import annotations

import pytest

from flowact.hardware.precision import (
    Capability,
    detect,
    plan_precision,
)

AVX = frozenset({"avx2", "avx512_bf16"})


@pytest.mark.parametrize(
    ("capability", "dtype", "linear", "memory"),
    [
        (Capability(cpu_flags=frozenset({"avx2"})), "float32", "native", "native"),
        (Capability(cpu_flags=AVX), "bfloat16", "native", "native"),
        (Capability(cpu_flags=AVX, bf16_speedup=4.8), "bfloat16", "native", "native"),
        (Capability(cpu_flags=AVX, bf16_speedup=1.1), "float32", "native", "native"),
        (Capability(cpu_flags=frozenset({"bf16"}), bf16_speedup=2), "bfloat16", "native", "native"),
        (Capability("cuda", compute=(6, 1)), "float32", "native", "native"),
        (Capability("cuda", compute=(7, 5)), "float16", "native", "native"),
        (Capability("cuda", compute=(8, 0)), "bfloat16", "int8", "fp8"),
        (Capability("cuda", compute=(8, 6)), "bfloat16", "int8", "fp8"),
        (Capability("cuda", compute=(8, 9)), "bfloat16", "fp8", "fp8"),
        (Capability("cuda", compute=(9, 0)), "bfloat16", "fp8", "fp8"),
        (Capability("cuda", compute=(10, 0)), "bfloat16", "mxfp8", "fp8"),
        (Capability("cuda", compute=(12, 0)), "bfloat16", "mxfp8", "fp8"),
    ],
)
def test_the_formats_follow_the_capability(
    capability: Capability, dtype: str, linear: str, memory: str
) -> None:
    plan = plan_precision(capability)
    assert (plan.dtype, plan.linear, plan.memory) == (dtype, linear, memory)
    assert plan.reason


@pytest.mark.parametrize(
    ("flags", "speedup", "decoder"),
    [
        ({"avx512_vnni"}, 3.0, "int8"),
        ({"avx512_vnni"}, 1.1, "native"),
        ({"avx512_vnni"}, None, "native"),
        ({"avx2"}, 3.0, "native"),  # sums of products may overflow there
    ],
)
def test_the_decoder_computes_in_bytes_where_that_is_fast(
    flags: set[str], speedup: float | None, decoder: str
) -> None:
    capability = Capability(cpu_flags=frozenset(flags), int8_speedup=speedup)
    assert plan_precision(capability).decoder == decoder


@pytest.mark.parametrize(
    ("flags", "speedup", "linear"),
    [
        ({"avx512_vnni"}, 1.4, "int8"),
        ({"avx512_vnni"}, 1.1, "native"),
        ({"avx512_vnni"}, None, "native"),
        ({"avx2"}, 1.4, "native"),
    ],
)
def test_video_layers_multiply_bytes_where_that_is_fast(
    flags: set[str], speedup: float | None, linear: str
) -> None:
    capability = Capability(cpu_flags=frozenset(flags), linear_speedup=speedup)
    assert plan_precision(capability).linear == linear


def test_a_gpu_of_unknown_capability_is_refused() -> None:
    with pytest.raises(ValueError, match="compute must be given"):
        plan_precision(Capability("cuda"))


def test_this_machine_gets_a_plan_without_a_measurement() -> None:
    assert plan_precision(detect(self_test=False)).dtype in ("float32", "bfloat16")
