import numpy as np
import polars as pl
import pytest

from personax_assets.datasets import ATHLEPERSONA
from personax_assets.release.attacks import (
    Evidence,
    Relinking,
    link_by_embeddings,
    link_to_roster,
    score_evidence,
    share_named,
    share_sharing_answers,
)
from personax_assets.release.binning import ladder
from personax_assets.release.gate import Bars, Obfuscated, betrays, useless
from personax_assets.release.make import Material
from personax_assets.release.plan import generalise
from personax_assets.release.utility import predicted_share
from personax_ml.obfuscation import obfuscate
from tests.personax_assets.release.conftest import vectors

N = 700
NOTHING = Evidence(np.zeros((N, 1)), np.zeros((N, 1)))
ONE_CLASS = np.zeros(N, np.intp)


def test_a_guess_among_equals_counts_as_its_share() -> None:
    classes = np.array([0, 0, 0, 0, 1, 1, 2])
    same = np.zeros((7, 2))
    assert share_named(same, same, classes) == pytest.approx(3 / 7)
    apart = np.arange(7.0)[:, None]
    assert share_named(apart, apart, classes) == 1.0


def test_the_roster_attack_counts_what_fits(athletes: Material) -> None:
    league = next(v for v in ATHLEPERSONA.variables if v.name == "league")
    people = athletes.people
    shown = (ladder(league, people["league"], 5)[-1],)
    made = generalise(people, shown, 5)
    nothing = Evidence(np.zeros((people.height, 1)), np.zeros((people.height, 1)))
    found = link_to_roster(
        made.frame.drop("person_id"), made.frame["person_id"].to_list(), shown, people, 5, nothing
    )
    sizes = people["league"].value_counts()["count"]
    assert found.people == people.height
    assert found.smallest == sizes.min()
    assert found.unique == 0.0
    assert found.guessed == pytest.approx(len(sizes) / people.height)
    assert found.guessed_by_scores == pytest.approx(found.guessed)
    assert found.rate == pytest.approx(found.guessed)


def test_exact_bios_are_found_out(athletes: Material) -> None:
    names = ("league", "height_cm", "weight_kg", "latitude", "longitude", "birth_year")
    people = athletes.people
    shown = [ladder(v, people[v.name], 1)[-1] for v in ATHLEPERSONA.variables if v.name in names]
    made = generalise(people, shown, 1)
    nothing = Evidence(np.zeros((people.height, 1)), np.zeros((people.height, 1)))
    found = link_to_roster(
        made.frame.drop("person_id"), made.frame["person_id"].to_list(), shown, people, 1, nothing
    )
    assert found.smallest == 1
    assert found.unique > 0.8
    assert found.guessed >= found.unique


def test_scores_help_the_attacker_and_that_is_measured(athletes: Material) -> None:
    evidence = score_evidence(ATHLEPERSONA, athletes.people, athletes.mean_scores)
    one = np.zeros(athletes.people.height, np.intp)
    helped = share_named(evidence.released, evidence.expected, one)
    assert helped > 2 / athletes.people.height
    shuffled = np.random.default_rng(0).permutation(athletes.people.height)
    assert share_named(evidence.released[shuffled], evidence.expected, one) < helped


def test_equal_answers_find_people_and_unequal_ones_do_not(athletes: Material) -> None:
    rng = np.random.default_rng(0)
    answers = rng.integers(1, 4, (N, 15))
    assert share_sharing_answers(answers, ONE_CLASS, 1.0, rng) > 0.95
    assert share_sharing_answers(answers, ONE_CLASS, 0.0, rng) < 0.02


def attacked(released: np.ndarray, embeddings: np.ndarray, noise: float) -> Relinking:
    return link_by_embeddings(released, embeddings, ONE_CLASS, NOTHING, noise, 32, seed=0)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return vectors(N)


@pytest.mark.parametrize("whiten", [False, True])
def test_a_plain_rotation_is_refused(faces: np.ndarray, whiten: bool) -> None:
    rotated = obfuscate(
        faces, dimensions=16, noise=0.0, generator=np.random.default_rng(3), whiten=whiten
    )
    found = attacked(rotated, faces, 0.0)
    assert found.with_pairs > 0.99
    assert found.without_pairs > 0.95, "no known pair is needed"
    assert len([*betrays(Bars(), Obfuscated(0.0, found, 1.0))]) == 2


def test_pure_noise_is_refused(faces: np.ndarray) -> None:
    noise = np.random.default_rng(4).standard_normal((N, 16))
    found = attacked(noise, faces, 3.0)
    assert max(found.with_pairs, found.without_pairs) < 0.02
    scores = (faces[:, :5] - faces[:, :5].mean(axis=0)) / faces[:, :5].std(axis=0)
    kept = predicted_share(noise, scores) / predicted_share(faces, scores)
    assert kept < 0.02
    (fault,) = useless(Bars(), Obfuscated(3.0, found, kept))
    assert "noise that endangers people for nothing" in fault


def test_noise_protects_and_costs(faces: np.ndarray) -> None:
    scores = faces[:, :5] + np.random.default_rng(5).standard_normal((N, 5))
    rates, kept = [], []
    for noise in (0.5, 1.0, 2.0):
        released = obfuscate(faces, dimensions=16, noise=noise, generator=np.random.default_rng(6))
        rates.append(attacked(released, faces, noise).with_pairs)
        kept.append(predicted_share(released, scores))
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 0.5 > 0.1 > rates[-1]
    assert kept == sorted(kept, reverse=True)


def test_bios_help_the_attacker_of_embeddings(faces: np.ndarray) -> None:
    noise = 2.0
    released = obfuscate(faces, dimensions=16, noise=noise, generator=np.random.default_rng(7))
    classes = np.arange(N) // 10
    alone = attacked(released, faces, noise)
    together = link_by_embeddings(released, faces, classes, NOTHING, noise, 32, seed=0)
    assert together.with_pairs > alone.with_pairs
    assert together.with_pairs >= together.without_pairs


def test_evidence_of_constant_scores_tells_nothing() -> None:
    bios = pl.DataFrame({v.name: pl.Series([None] * 30, dtype=pl.Float64)
                         for v in ATHLEPERSONA.variables}).with_columns(
        league=pl.lit("NBA"))  # fmt: skip
    evidence = score_evidence(ATHLEPERSONA, bios, np.full((30, 5), 2.0))
    found = share_named(evidence.released, evidence.expected, np.zeros(30, np.intp))
    assert found == pytest.approx(1 / 30)
