"""Genotype files of public bug reports (``cases``), read in place: the right value of each."""

import subprocess

import numpy as np
import pandas as pd
import pytest

from gwasbone.cohort.ld import relationship_matrix
from gwasbone.cohort.options import QcThresholds
from gwasbone.cohort.pca import principal_components, project
from gwasbone.cohort.qc import qc
from gwasbone.cohort.read import read_genotypes
from gwasbone.cohort.sex import with_inferred_sex
from gwasbone.cohort.statistics import variant_statistics
from gwasbone.errors import InputError

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def genotypes(shared_data):
    return shared_data / "cases/genotypes"


@pytest.fixture(scope="module")
def cohorts(shared_data):
    return shared_data / "cases/cohort-and-questionnaires"


def bed(path):
    return read_genotypes(bfile=str(path), build="GRCh37")


def bgen(path, sample=None, **options):
    sample = path.with_suffix(".sample") if sample is None else sample
    return read_genotypes(bgen=str(path), sample=sample, build="GRCh37", **options)


def dosages(cohort):
    return cohort.source.genotypes(cohort.participants).dosages(cohort.variants.kept_table())


# --- sex, X and Y --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rare", "block", "common"])
def test_no_woman_is_excluded_on_rare_or_linked_variants_of_x(cohorts, name):
    """150 women and 150 men without errors; 18 and 57 women were excluded."""
    done = qc(bed(cohorts / "01-sex-rare-x" / name), QcThresholds(het_sd=0))
    people = done.people.table
    assert not done.people.reasons().str.contains("sex_mismatch").any()
    told = people["sex_inferred"] != 0
    assert told.mean() > 0.95 if name == "common" else not told.any()
    assert (people["sex_inferred"][told] == people["sex"][told]).all()


def test_unknown_sex_gives_the_statistics_of_known_sex(cohorts):
    """Ten variants heterozygous in all 150 women: Hardy-Weinberg −log10 p 43.8."""
    case = cohorts / "02-x-unknown-sex"
    unknown, known = bed(case / "unknown"), bed(case / "known")
    told = with_inferred_sex(unknown)
    sex, truth = told.people.table["sex"], known.people.table["sex"]
    assert (sex != 0).sum() == 299
    assert (sex[sex != 0] == truth[sex != 0]).all()
    ours, theirs = variant_statistics(told), variant_statistics(known)
    hwe = ours["hwe_neg_log10_p"].to_numpy()
    assert np.sort(hwe)[-10:] == pytest.approx([43.8] * 10, abs=0.5)
    assert (ours["alt_frequency"] - theirs["alt_frequency"]).abs().max() < 0.005


@pytest.mark.peer
@pytest.mark.parametrize("case", ["05-x-y-mt", "09-y-women"])
def test_frequencies_on_x_y_and_mitochondria_equal_plink2(genotypes, case, plink2, tmp_path):
    """Among those of known sex. PLINK counts a man's heterozygous call on X as half an allele (here
    it is missing), one of unknown sex like a woman, and takes a pseudo-autosomal place for X proper
    unless the file calls it XY."""
    made, keep = tmp_path / "made", tmp_path / "keep"
    fam = pd.read_csv(genotypes / case / "g.fam", sep=r"\s+", header=None, dtype=str)
    known = fam[4].isin(["1", "2"])
    fam.loc[known, [0, 1]].to_csv(keep, sep="\t", header=False, index=False)
    for words in (
        [
            "--bfile",
            genotypes / case / "g",
            "--keep",
            keep,
            "--sort-vars",
            "--make-pgen",
        ],
        ["--pfile", made, "--set-hh-missing", "--make-bed"],
        ["--bfile", made, "--freq"],
    ):
        subprocess.run([plink2, *words, "--out", made], check=True, capture_output=True)
    theirs = pd.read_csv(f"{made}.afreq", sep="\t").set_index("ID")
    cohort = bed(genotypes / case / "g")
    cohort = cohort.exclude_people("t", "unknown", ~known.to_numpy(), description="")
    ours = variant_statistics(cohort).set_axis(cohort.variants.table["source_id"])
    shared = theirs.index.intersection(ours.index)
    assert len(shared) == len(cohort.variants)
    shared = shared.drop("rs4") if case == "05-x-y-mt" else shared
    np.testing.assert_allclose(
        ours.loc[shared, "alt_frequency"], theirs.loc[shared, "ALT_FREQS"], atol=5e-7
    )
    print(f"\n{case}: {len(shared)} variants, frequencies as plink2 to 5e-7")


# --- .bim and .fam -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "n_kept"),
    [
        ("g", 5), ("five", 5), ("header", 5), ("na_id", 5), ("crlf", 5), ("blankend", 5),
        ("sci", 5), ("lower", 5), ("mixed", 5), ("cm", 5), ("contig", 4), ("chr0", 4),
        ("allele0", 4), ("negpos", 4),
    ],
)  # fmt: skip
def test_odd_bim_and_fam_files_are_read(genotypes, name, n_kept):
    cohort = bed(genotypes / "06-odd-bim-fam" / name)
    assert cohort.variants.n_kept == n_kept
    assert len(cohort.people) == 60
    wanted = dosages(bed(genotypes / "06-odd-bim-fam/g"))
    rows = cohort.variants.kept_table()["row"].to_numpy()
    np.testing.assert_array_equal(dosages(cohort), wanted[rows])


@pytest.mark.parametrize(
    ("name", "n_kept"), [("same", 4), ("fixed", 4), ("twopos", 5), ("zero", 5)]
)
def test_duplicate_probes_do_not_block_a_file(genotypes, name, n_kept):
    cohort = bed(genotypes / "04-duplicate-probes" / name)
    assert cohort.variants.n_kept == n_kept


# --- BGEN ----------------------------------------------------------------------------------------


def test_nine_damaged_bytes_of_ploidy_are_refused_with_file_and_variant(shared_data):
    folder = shared_data / "cases/reliability/bgen_ploidy"
    right = dosages(bgen(folder / "orig.bgen"))
    refused = []
    for path in sorted(folder.glob("*.bgen")):
        try:
            found = dosages(bgen(path))
        except InputError as error:
            refused.append(str(error))
        else:
            assert path.stem in ("orig", "minmax_1_2_all2")
            np.testing.assert_array_equal(found, right)
    assert len(refused) == 9
    for message in refused:
        assert "variant rs120954250 (1:16209243)" in message
        assert "\n" not in message


@pytest.mark.peer
@pytest.mark.parametrize("name", ["v11", "b1", "b8", "b10", "b16", "b24", "phased"])
def test_dosages_of_every_bgen_equal_plink2(genotypes, name, plink2, tmp_path):
    case = genotypes / "12-bgen"
    subprocess.run(
        [plink2, "--bgen", case / f"{name}.bgen", "ref-first", "--sample", case / "g.sample",
         "--export", "A-transpose", "--out", tmp_path / "a"],
        check=True, capture_output=True,
    )  # fmt: skip
    theirs = pd.read_csv(tmp_path / "a.traw", sep="\t")
    ours = dosages(bgen(case / f"{name}.bgen", case / "g.sample"))
    counted = theirs["COUNTED"].to_numpy() == "A"  # the first allele
    wanted = theirs.iloc[:, 6:].to_numpy()
    wanted[counted] = 2 - wanted[counted]
    # PLINK keeps a dosage in 1/16384, and does not read 32 bits
    np.testing.assert_allclose(ours, wanted, atol=1e-4)
    of_32 = dosages(bgen(case / "b32.bgen", case / "g.sample"))
    if name == "b24":
        np.testing.assert_allclose(of_32, ours, atol=1e-6)


@pytest.mark.parametrize("name", ["caps", "Caps2", "words", "qctool", "id2zero", "fid0", "sexNA"])
def test_sample_files_in_every_spelling(genotypes, name):
    case = genotypes / "12-bgen"
    people = bgen(case / "b8.bgen", case / f"{name}.sample").people.table
    assert people.index[:2].tolist() == ["S1", "S2"]
    if name in ("caps", "Caps2", "words", "qctool"):
        truth = bgen(case / "b8.bgen", case / "g.sample").people.table["sex"]
        assert people["sex"].tolist() == truth.tolist()


# --- call rates, relationships, projection -------------------------------------------------------


@pytest.mark.parametrize("name", ["two", "dead"])
def test_variants_of_one_array_or_dead_ones_do_not_remove_people(cohorts, name):
    """200 of 300 and all 300 were removed; 8 % of the variants should go."""
    done = qc(bed(cohorts / "06-array-batch" / name), QcThresholds(het_sd=0))
    assert done.people.n_kept == 300
    assert done.variants.n_kept == 1_215


@pytest.mark.peer
def test_relationships_equal_plink2_over_the_variants_that_vary(cohorts, plink2, tmp_path):
    case = cohorts / "07-ld-grm/g"
    ours = relationship_matrix(bed(case)).matrix.to_numpy()
    for extra, tolerance in ((["--mac", "1"], 1e-5), ([], 0.02)):
        subprocess.run(
            [plink2, "--bfile", case, *extra, "--make-rel", "square", "--out", tmp_path / "r"],
            check=True, capture_output=True,
        )  # fmt: skip
        theirs = np.loadtxt(tmp_path / "r.rel")
        far = np.abs(ours - theirs).max()
        print(f"\nrelationships against plink2 {' '.join(extra)}: {far:.2g}")
        assert far < tolerance
    assert far > 1e-3  # variants that do not vary are among PLINK's


def test_projection_gives_own_scores_again_and_turned_alleles_change_nothing(cohorts, caplog):
    case = cohorts / "10-projection"
    reference = bed(case / "ref")
    components = principal_components(reference, reference.variants.table.index, k=4)
    new, turned = (project(bed(case / name), components) for name in ("new", "turned"))
    own = components.scores.index.intersection(new.index)
    assert len(own) == 60
    assert (new.loc[own] - components.scores.loc[own]).abs().max(axis=None) < 1e-6
    assert (new - turned).abs().max(axis=None) < 1e-12
    assert "copies of a sample" not in caplog.text
    copied = bed(case / "dups")
    principal_components(copied, copied.variants.table.index, k=4)
    assert "61 samples have the components of another" in caplog.text
