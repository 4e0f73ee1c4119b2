"""Every folder of the cases has a check, or a reason why it is pending."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from case_list import ROOT, Case, case_folders, outcome_of, read_cases

#: What waits for the new VCF reader, and nothing else may.
PENDING = {"genotypes/07-vcf-mixes", "genotypes/21-vcf-x-men-diploid"}


@pytest.mark.real
def test_every_folder_of_the_cases_has_a_check(shared_data):
    folders = case_folders(shared_data / "cases")
    listed = [case.folder for case in read_cases()]
    assert len(folders) > 70
    assert sorted(listed) == folders


def test_only_what_waits_for_the_vcf_reader_has_no_test():
    for case in read_cases():
        assert bool(case.tests) != bool(case.pending), case.folder
        assert case.expected
        assert not case.pending or case.folder in PENDING


def test_every_test_that_the_list_names_exists():
    for test in {test for case in read_cases() for test in case.tests}:
        path, _, name = test.partition("::")
        tree = ast.parse(Path(ROOT / path).read_text())
        names = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        assert name.startswith("test_"), test
        assert name in names, test


def test_outcomes_of_a_case():
    case = Case("x", "right", ("a.py::test_a", "a.py::test_b"), "")
    done = {"a.py::test_a": Counter(passed=3), "a.py::test_b": Counter(passed=1, skipped=1)}
    assert outcome_of(case, done) == "passed (4 of 5)"
    assert outcome_of(case, done | {"a.py::test_b": Counter(failed=1)}) == "failed (1 of 4)"
    assert outcome_of(case, {"a.py::test_a": Counter(passed=3)}) == "not run"
    assert outcome_of(case, {t: Counter(skipped=1) for t in case.tests}) == "skipped"
    assert outcome_of(Case("x", "right", (), "later"), {}) == "pending: later"
