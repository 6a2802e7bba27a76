"""python -m psycopref."""

import sys

from psycopref.cli import main

sys.exit(main())
