"""The command lines' parser: what cannot be used is said in one sentence, not in a page of usage."""

from __future__ import annotations

import argparse
from typing import NoReturn

from flowact.errors import UserError


class ShortErrorParser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` whose errors are `UserError`, for subcommands too."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing and leaving."""
        raise UserError(f"{message[0].upper()}{message[1:]}; see {self.prog} --help.")
