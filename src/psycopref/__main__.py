"""python -m psycopref."""

import sys

from psycopref.cli.main import main

sys.exit(main())
