import pytest
from ray.exceptions import RayError

from flowact.errors import UserError
from flowact.fleet import deploy

BOUND = "RuntimeError: Failed to bind to address '127.0.0.1:7860'."


@pytest.mark.parametrize(("told", "error"), [(BOUND, UserError), ("something else", RayError)])
def test_a_port_that_is_taken_is_said_in_a_sentence(monkeypatch, told, error):
    def start(**_: object) -> None:
        raise RayError(told)

    ended = []
    monkeypatch.setattr(deploy.serve, "start", start)
    monkeypatch.setattr(deploy.serve, "shutdown", lambda: ended.append(True))
    with pytest.raises(error) as raised:
        deploy._start("127.0.0.1", 7860)
    if error is UserError:
        assert (
            str(raised.value) == "127.0.0.1 port 7860 cannot be used; choose another with --port."
        )
        assert ended, "a Serve without its page would wait for ever"
