"""The cases of ``../shared/data/cases`` in one table, and a run of all of them: ``make cases``.

``cases.tsv`` names each folder, what is right there and the tests that check it. This script runs
these tests, slow ones and those of other programs included, and prints the outcome of each case:
``passed``, ``failed``, ``skipped`` (a program or the data are absent) or ``pending`` with the
reason. The exit code is 1 where a case failed, was not run or has no check.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("cases.tsv")
_HEADER = ("case", "expected", "tests", "pending")


@dataclass(frozen=True)
class Case:
    """A folder of the cases, what is right there, and the tests of it or why there is none."""

    folder: str
    expected: str
    tests: tuple[str, ...]
    pending: str


def read_cases(path: Path = TABLE) -> list[Case]:
    """Read the table of cases; ``#`` starts a comment."""
    lines = [line.split("\t") for line in path.read_text().splitlines() if line[0] != "#"]
    header, rows = lines[0], lines[1:]
    assert tuple(header) == _HEADER, f"{path}: expected columns {_HEADER}, got {header}"
    return [Case(folder, right, tuple(tests.split()), why) for folder, right, tests, why in rows]


def case_folders(cases: Path) -> list[str]:
    """Folders of the cases as the table names them."""
    return sorted(str(p.relative_to(cases)) for p in cases.glob("*/*") if p.is_dir())


class Outcomes:
    """Plugin of pytest that counts outcomes by test function."""

    def __init__(self) -> None:
        self.by_test: dict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        ended = report.when == "call" or report.outcome != "passed"
        if ended:
            self.by_test[report.nodeid.partition("[")[0]][report.outcome] += 1


def outcome_of(case: Case, by_test: dict[str, Counter[str]]) -> str:
    """One word for a case, and how many checks passed of how many."""
    if case.pending:
        return f"pending: {case.pending}"
    counts: Counter[str] = sum((by_test.get(t, Counter()) for t in case.tests), Counter())
    total = counts.total()
    if not all(by_test.get(test) for test in case.tests):
        return "not run"
    if counts["failed"]:
        return f"failed ({counts['failed']} of {total})"
    if not counts["passed"]:
        return "skipped"
    return f"passed ({counts['passed']} of {total})"


def main(arguments: list[str]) -> int:
    """Run the tests of all cases, or of those whose folder holds one of the words given."""
    chosen = [c for c in read_cases() if not arguments or any(w in c.folder for w in arguments)]
    tests = sorted({str(ROOT / test) for case in chosen for test in case.tests})
    outcomes = Outcomes()
    options = ["-q", "--no-header", "-p", "no:cacheprovider", "-m", "", f"--rootdir={ROOT}"]
    code = pytest.main([*options, *tests], plugins=[outcomes]) if tests else 0
    rows = [(case.folder, case.expected, outcome_of(case, outcomes.by_test)) for case in chosen]
    widths = [max(len(row[j]) for row in rows) for j in (0, 1)]
    print()
    for folder, expected, outcome in rows:
        print(f"{folder:<{widths[0]}}  {expected:<{widths[1]}}  {outcome}")
    words = Counter(outcome.split(" (")[0].split(":")[0] for _, _, outcome in rows)
    print(f"\n{len(rows)} cases: " + ", ".join(f"{n} {word}" for word, n in words.items()))
    return int(bool(code) or bool(words["failed"] + words["not run"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
