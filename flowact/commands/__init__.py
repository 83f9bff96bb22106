"""The subcommands of `flowact`, one module each. They may import everything; nothing imports them but `flowact.cli`."""
