import pytest

from flowact import logs
from flowact.argument_parser import ShortErrorParser
from flowact.errors import UserError
from flowact.live.endpoints import Endpoint
from flowact.live.settings import add_arguments, from_arguments


def settings(flags: list[str], environment: dict[str, str] | None = None):
    parser = ShortErrorParser("live")
    add_arguments(parser)
    logs.add_arguments(parser)
    return from_arguments(parser.parse_args(flags), environment or {})


def test_flags_win_over_the_environment_and_that_over_the_defaults():
    environment = {"FLOWACT_PORT": "9000", "FLOWACT_SESSIONS": "4", "FLOWACT_SPARE": "no"}
    made = settings(["--port", "8000"], environment)
    assert (made.port, made.sessions, made.spare, made.host) == (8000, 4, False, "127.0.0.1")


def test_one_address_serves_all_roles_and_each_may_have_its_own():
    one = {"FLOWACT_OPENAI_BASE_URL": "http://x/v1/", "FLOWACT_OPENAI_API_KEY": "k"}
    made = settings([], {**one, "FLOWACT_CHAT_MODEL": "m"}).endpoints
    assert made.answering == Endpoint("http://x/v1", "k", "m")
    assert made.hearing.configured and not made.speaking.configured
    own = {"FLOWACT_CHAT_BASE_URL": "http://y", "FLOWACT_TRANSCRIPTION_API_KEY": "t"}
    made = settings([], {**one, **own}).endpoints
    assert made.answering.api_key == "", "a key goes to no other server than its own"
    assert made.hearing.api_key == "t" and made.hearing.base_url == "http://x/v1"
    assert not settings([]).endpoints.answering.configured
    assert "k" not in repr(made.hearing).split("model")[0]


@pytest.mark.parametrize(
    ("flags", "environment"),
    [
        (["--sessions", "0"], {}),
        (["--port", "70000"], {}),
        (["--threads", "-3"], {}),
        (["--threads", "many"], {}),
        (["--nonsense"], {}),
        (["--checkpoint", "nowhere"], {}),
        ([], {"FLOWACT_OPENAI_BASE_URL": "localhost:11434"}),
        (["--preset", "huge"], {}),
        (["--devices", "cuda:99"], {}),
        ([], {"FLOWACT_DEVICES": "mps"}),
        ([], {"FLOWACT_PORT": "many"}),
        ([], {"FLOWACT_LOG_LEVEL": "loud"}),
        ([], {"FLOWACT_VISIBLE_MARK": "perhaps"}),
    ],
)
def test_what_makes_no_sense_is_refused(flags, environment):
    with pytest.raises(UserError):
        settings(flags, environment)


def test_origins_are_a_list():
    made = settings(["--origins", "https://a.org/, https://b.org"])
    assert made.origins == ("https://a.org", "https://b.org")


def test_the_log_is_set_by_flags_or_environment():
    assert settings([]).log == logs.LogSettings("info", json=False)
    assert settings(["--log-level", "error", "--log-json"]).log == logs.LogSettings("error", True)
    environment = {"FLOWACT_LOG_LEVEL": "DEBUG", "FLOWACT_LOG_JSON": "1"}
    assert settings([], environment).log == logs.LogSettings("debug", json=True)
