"""Lets the fuzz tests use what other folders make."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
# nothing of its own is hidden by them
sys.path += [str(TESTS / name) for name in ("images", "learning")]
