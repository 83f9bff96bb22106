import pytest

from flowact.errors import UserError
from flowact.hardware.linear.switch import LinearChoice, parse_linear


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", LinearChoice("auto")),
        ("native", LinearChoice("native")),
        ("int8", LinearChoice("int8")),
        ("fp8:te", LinearChoice("fp8", "te")),
        ("int8:torchao", LinearChoice("int8", "torchao")),
    ],
)
def test_the_switch_is_read(text: str, expected: LinearChoice) -> None:
    assert parse_linear(text) == expected


@pytest.mark.parametrize("text", ["", "int4", "fp8:cuda", "native:te", "int8:te", "auto:torch"])
def test_what_the_switch_cannot_mean_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UserError, match="--linear takes auto, native, int8 or fp8"):
        parse_linear(text)
