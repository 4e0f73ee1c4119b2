"""``python -m gwasbone.cli``."""

import sys

from gwasbone.cli import main

sys.exit(main())
