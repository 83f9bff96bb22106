"""The two kinds of refusal: one for the operator at the shell, one for a browser."""


class StudyError(Exception):
    """A problem the operator can fix. Its text is one sentence that names the file and the rule."""


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """A request that is not carried out; at most its rate limit was counted.

    Attributes:
        status: HTTP status for the reply.
        code: machine-readable reason, also the key of the page's translated text.
        detail: one English sentence.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
