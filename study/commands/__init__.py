"""Subcommands of `python -m study` that say more than one line; nothing imports them but the command line."""
