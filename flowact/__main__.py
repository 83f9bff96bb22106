"""`python -m flowact` is the `flowact` command."""

import sys

from flowact.cli import main

sys.exit(main())
