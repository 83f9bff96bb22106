"""Who is served next, and who may wait at all."""

import pytest

from flowact.errors import UserError
from flowact.fleet.gate.line import MOST_WAITING, SILENT_SECONDS, WaitingLine, network_of


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_the_time_of_arrival_decides_and_not_that_of_the_question():
    line = WaitingLine(9, Clock())
    for name, arrived in (("late", 30.0), ("early", 10.0), ("middle", 20.0)):
        line.stand(name, arrived, name)
    assert [who.name for who in line.in_order()] == ["early", "middle", "late"]
    assert line.position(line.stand("late", 30.0, "late")) == 3
    line.leave("early")
    assert line.position(line.stand("middle", 20.0, "middle")) == 1


def test_whoever_is_silent_has_left():
    clock = Clock()
    line = WaitingLine(9, clock)
    line.stand("silent", 1.0, "a")
    clock.now += SILENT_SECONDS - 1
    line.stand("asks", 2.0, "b")
    clock.now += 2
    assert [who.name for who in line.in_order()] == ["asks"] and len(line) == 1


def test_neither_a_network_nor_everybody_fills_the_line_without_end():
    line = WaitingLine(2, Clock())
    line.stand("a", 1.0, "home")
    line.stand("b", 2.0, "home")
    line.stand("a", 1.0, "home")
    with pytest.raises(UserError, match="of your network are waiting already"):
        line.stand("c", 3.0, "home")
    for number in range(MOST_WAITING - 2):
        line.stand(f"n{number}", 4.0, f"{number}")
    with pytest.raises(UserError, match="Too many visitors are waiting"):
        line.stand("d", 5.0, "elsewhere")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unix", "unix"),
    ],
)
def test_a_network_is_an_address_or_sixty_four_bits(address, network):
    assert network_of(address) == network
