"""Serve FlowAct: the live page, a preference study, and a page about both. The same as `flowact live`."""

import sys

from flowact.cli import main

if __name__ == "__main__":
    sys.exit(main(["live", *sys.argv[1:]]))
