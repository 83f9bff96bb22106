"""The one exception that a user is meant to read."""


class UserError(Exception):
    """What the user gave cannot be used; the message is one clear sentence about what and why.

    The command line prints it without a traceback and exits with code 2. Mistakes of a
    programmer raise `ValueError` or `TypeError` instead.
    """
