"""The definition of a case as a file: its own, changed ones, and wrong ones."""

import warnings

import pytest

from gwasbone.errors import GwasboneWarning, InputError
from gwasbone.phenotypes.case_definition import (
    osteoporosis_definition,
    osteoporosis_text,
    plain_code,
    read_definition,
)

RULE = """
[[rule]]
name = "{name}"
kind = "{kind}"
fields = [41270]
[rule.codes]
{codes}
"""


def _read(tmp_path, *rules, head=""):
    path = tmp_path / "my.toml"
    path.write_text(head + "".join(rules))
    return read_definition(path)


def _rule(codes, *, name="a", kind="icd10"):
    return RULE.format(name=name, kind=kind, codes="\n".join(f'"{c}" = "meaning"' for c in codes))


def test_the_packages_definition_is_that_of_the_paper():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        definition = osteoporosis_definition()
    codes = {
        kind: {plain_code(c) for r in definition.rules if r.kind == kind for c in r.codes}
        for kind in ("icd9", "icd10")
    }
    assert codes["icd9"] == {"733", "805", "812", "813", "814", "820", "821"}
    assert {"M80", "M81", "M858"} < codes["icd10"]
    fractures = codes["icd10"] - {"M80", "M81", "M858"}
    assert len(fractures) == 17
    assert {code[0] for code in fractures} == {"S", "T"}
    drugs = definition.rule("bisphosphonate").names
    stems = "alendron risedron ibandron zoledron etidron pamidron clodron tiludron"
    assert set(stems.split(" ")) <= set(drugs)
    others = definition.rule("other_medication").names
    assert {"raloxifen", "teriparatid", "denosumab", "calcitonin"} <= set(others)
    assert all(meaning for rule in definition.rules for meaning in rule.items.values())
    assert all(rule.source for rule in definition.rules)
    assert "package's choice" in definition.rule("icd10_fracture").source


def test_a_copy_reads_as_the_packages_own(tmp_path):
    path = tmp_path / "copy.toml"
    path.write_text(osteoporosis_text())
    assert read_definition(path) == osteoporosis_definition()


@pytest.mark.parametrize(
    ("item", "value", "found"),
    [
        ("M85.8", "M8588", True),
        ("M85.8", "m85.80", True),
        ("M85.8", "M859", False),
        ("M80", "M8000", True),
        ("M80", "M08", False),
    ],
)
def test_icd10_codes_match_by_prefix_and_dots_do_not_count(item, value, found):
    assert osteoporosis_definition().rule("icd10_osteoporosis").finds(item, value) is found


def test_icd9_accidents_are_not_fractures():
    rule = osteoporosis_definition().rule("icd9_fracture")
    assert rule.finds("812", "8120")
    assert not rule.finds("812", "E812")


@pytest.mark.parametrize(
    ("item", "value", "found"),
    [
        ("alendron", "Alendronate sodium", True),
        ("alendron", "fosavance (alendronic acid+colecalciferol)", True),
        ("loron", "loron 520 tablet", True),
        ("loron", "chloronase", False),
        ("calcitonin", "salcatonin", False),
    ],
)
def test_drugs_match_from_the_beginning_of_a_word(item, value, found):
    definition = osteoporosis_definition()
    rule = next(r for r in definition.rules if item in r.names)
    assert rule.finds(item, value) is found


def test_numbers_of_drugs_match_whole(tmp_path):
    rule = _read(tmp_path, _rule(["11401"], kind="medication")).rules[0]
    assert rule.finds("11401", "11401")
    assert not rule.finds("11401", "1140100")


def test_a_shorter_code_that_covers_another_is_warned_of(tmp_path):
    with pytest.warns(GwasboneWarning, match=r"M81.0 \(b\) by M81 \(a\)"):
        _read(tmp_path, _rule(["M81"]), _rule(["M81.0"], name="b"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _read(tmp_path, _rule(["733"], kind="icd9"), _rule(["M81"], name="b"))


def test_all_faults_are_listed(tmp_path):
    odd = '[[rule]]\nname = "odd"\nkind = "icd11"\nfields = [1]\n[rule.codes]\n"X" = ""\n'
    empty = '[[rule]]\nname = "empty"\nkind = "icd10"\nfields = []\nwho = 1\n'
    with pytest.raises(InputError) as caught:
        _read(
            tmp_path,
            _rule(["M81", "81", "M8 1"]),
            _rule(["S720"], name="a"),
            odd,
            empty,
            head='author = "me"\n',
        )
    said = str(caught.value)
    for fault in (
        "unknown key author",
        "rule a: expected icd10 codes such as M81 or M85.8, got '81', 'M8 1'",
        "rule odd: unknown kind 'icd11'",
        "rule empty: unknown key who",
        "rule empty: expected fields",
        "rule empty: it has no codes",
        "two rules are called a",
    ):
        assert fault in said
    assert "\n" not in said


@pytest.mark.parametrize("other", ["M85.8", "m858", "M858"])
def test_a_code_listed_twice_is_refused(tmp_path, other):
    with pytest.raises(
        InputError, match=r"icd10 code M858 is listed 2 times \(M85.8 in a, .* in b"
    ):
        _read(tmp_path, _rule(["M85.8"]), _rule([other], name="b"))


def test_a_code_twice_in_one_rule_is_refused(tmp_path):
    with pytest.raises(InputError, match="listed 2 times"):
        _read(tmp_path, _rule(["M85.8", "M858"]))
    with pytest.raises(InputError, match="cannot be read"):
        _read(tmp_path, _rule(["M81", "M81"]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "x"', "there is none"),
        ("rule = 3", "there is none"),
        ("[[rule]", "cannot be read"),
        (RULE.format(name="a b", kind="icd10", codes='"M81" = ""'), "letters, digits and _"),
        (RULE.format(name="a", kind="icd10", codes="").replace("codes", "names") + 'ale="x"',
         "names are for medications"),
        (RULE.format(name="a", kind="medication", codes="").replace("codes", "names") + 'al="x"',
         "at least 3 letters"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        _read(tmp_path, text)


def test_no_file():
    with pytest.raises(InputError, match="--print-definition"):
        read_definition("none.toml")
