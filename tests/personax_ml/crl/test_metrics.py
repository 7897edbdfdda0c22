"""Scores: what they are for known codes, and that test rows never help themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personax_ml.crl import CRLConfig, ModalitySpec, three_way_split
from personax_ml.crl.linking import kernel_links_held_out, links_held_out, modality_links
from personax_ml.crl.metrics import (
    chance_levels,
    mcc_held_out,
    r2_held_out,
    structural_hamming_distance,
)

N = 600
RNG = np.random.default_rng(11)
TRUTH = RNG.standard_normal((N, 4))
NOISE = RNG.standard_normal((N, 4))
TRAIN = np.arange(N) < 400
TEST = np.arange(N) >= 500


def test_noise_scores_nothing() -> None:
    assert r2_held_out(NOISE, TRUTH, TRAIN, TEST).max() <= 0.02
    assert mcc_held_out(NOISE, TRUTH, TRAIN, TEST).mcc < 0.2


def test_perfect_codes_score_one() -> None:
    mixed = TRUTH @ np.random.default_rng(0).standard_normal((4, 4))
    assert r2_held_out(mixed, TRUTH, TRAIN, TEST).min() > 0.999
    assert mcc_held_out(TRUTH[:, ::-1], TRUTH, TRAIN, TEST).mcc == pytest.approx(1.0)
    assert mcc_held_out(mixed, TRUTH, TRAIN, TEST).mcc < 0.95


def test_bent_codes_are_unbent() -> None:
    bent = TRUTH + 0.25 * np.sin(2 * TRUTH)
    assert r2_held_out(bent, TRUTH, TRAIN, TEST).min() > 0.95
    assert mcc_held_out(np.exp(TRUTH), TRUTH, TRAIN, TEST, "spearman").mcc == pytest.approx(1.0)
    assert mcc_held_out(np.exp(TRUTH), TRUTH, TRAIN, TEST, "pearson").mcc < 0.9


@settings(max_examples=5, deadline=None)
@given(
    scales=st.lists(st.floats(1e-6, 1e6), min_size=4, max_size=4),
    signs=st.lists(st.sampled_from([-1.0, 1.0]), min_size=4, max_size=4),
)
def test_scale_and_sign_do_not_matter(scales: list[float], signs: list[float]) -> None:
    codes = 0.7 * TRUTH + 0.3 * NOISE
    changed = codes * np.array(scales) * np.array(signs)
    assert r2_held_out(changed, TRUTH, TRAIN, TEST) == pytest.approx(
        r2_held_out(codes, TRUTH, TRAIN, TEST), abs=1e-6
    )
    assert mcc_held_out(changed, TRUTH, TRAIN, TEST).mcc == pytest.approx(
        mcc_held_out(codes, TRUTH, TRAIN, TEST).mcc
    )


def test_assignment_never_sees_test_rows() -> None:
    """On training rows code 0 belongs to truth 0, on test rows to truth 1: no credit for it."""
    codes = TRUTH[:, :2].copy()
    codes[TEST] = codes[TEST][:, ::-1]
    matched = mcc_held_out(codes, TRUTH[:, :2], TRAIN, TEST)
    assert list(matched.truths) == [0, 1]
    assert matched.mcc < 0.25


def test_fit_and_tuning_never_see_test_rows() -> None:
    codes = 0.7 * TRUTH + 0.3 * NOISE
    other = TRUTH.copy()
    other[TEST] = RNG.standard_normal((TEST.sum(), 4))
    first = mcc_held_out(codes, TRUTH, TRAIN, TEST)
    second = mcc_held_out(codes, other, TRAIN, TEST)
    assert np.array_equal(first.codes, second.codes)
    assert r2_held_out(codes, other, TRAIN, TEST).max() < 0.02


def test_constant_codes_are_worth_nothing() -> None:
    assert np.abs(r2_held_out(np.ones((N, 2)), TRUTH, TRAIN, TEST)).max() < 0.05
    assert mcc_held_out(np.ones((N, 4)), TRUTH, TRAIN, TEST).mcc == 0.0
    with pytest.raises(ValueError, match="finite"):
        r2_held_out(np.full((N, 2), np.nan), TRUTH, TRAIN, TEST)


def test_chance_levels_know_what_correlated_truths_give_away() -> None:
    common = RNG.standard_normal((N, 1))
    truth = 0.9 * common + 0.43 * TRUTH
    levels = chance_levels(truth, truth, TRAIN, TEST)
    assert levels.r2 < 0.02
    assert levels.mcc < 0.2
    assert levels.mcc_one_code > 0.75


def test_structural_hamming_distance() -> None:
    chain = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    turned = np.array([[0, 1, 0], [0, 0, 0], [0, 1, 0]])
    undirected = chain + chain.T
    assert structural_hamming_distance(chain, chain) == 0
    assert structural_hamming_distance(turned, chain) == 1
    assert structural_hamming_distance(turned, chain, directed=False) == 0
    assert structural_hamming_distance(undirected, chain) == 2
    assert structural_hamming_distance(np.zeros((3, 3)), chain) == 2


def test_links_are_found_and_counted() -> None:
    rng = np.random.default_rng(2)
    common = rng.standard_normal((N, 2))
    a = np.hstack([common, rng.standard_normal((N, 3))]) @ rng.standard_normal((5, 5))
    b = np.hstack([common + 0.5 * rng.standard_normal((N, 2)), rng.standard_normal((N, 2))])
    links = links_held_out(a, b @ rng.standard_normal((4, 4)), TRAIN, TEST)
    assert links.significant() == 2
    assert links.correlations[:2].min() > 0.8
    assert links.p_values[0] == pytest.approx(0.001)


def test_links_of_strangers_are_rejected_at_their_level() -> None:
    rng = np.random.default_rng(3)
    first = [
        links_held_out(
            rng.standard_normal((150, 4)),
            rng.standard_normal((150, 3)),
            np.arange(150) < 100,
            np.arange(150) >= 100,
            permutations=99,
        ).p_values[0]
        for _ in range(200)
    ]
    assert 0.01 < np.mean(np.array(first) < 0.05) < 0.1


def bent_pair(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two modalities with two links, one of them through an even function."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 2))
    a = np.hstack([z, rng.standard_normal((n, 3))])
    b = np.hstack([z[:, :1], z[:, 1:] ** 2 - 1, rng.standard_normal((n, 3))])
    b = b + 0.3 * rng.standard_normal(b.shape)
    return a @ rng.standard_normal((5, 6)), b @ rng.standard_normal((5, 6))


def test_kernel_links_see_what_linear_ones_do_not() -> None:
    a, b = bent_pair(1500, 0)
    split = three_way_split([str(i) for i in range(1500)])
    linear = links_held_out(a, b, split.train, split.test, permutations=199)
    assert linear.significant() == 1
    kernel = kernel_links_held_out(a, b, split, pairs=4, permutations=199)
    assert kernel.significant() == 2
    assert kernel.correlations[1] > 0.6
    shuffled = np.random.default_rng(1).permutation(b)
    assert kernel_links_held_out(a, shuffled, split, pairs=4, permutations=199).significant() == 0


def test_modality_links_count_what_the_measurements_share() -> None:
    a, b = (x.astype(np.float32) for x in bent_pair(1500, 3))
    a[:40], b[20:80] = np.nan, np.nan
    config = CRLConfig((ModalitySpec("a", ("a",), 2, "a"), ModalitySpec("b", ("b",), 2, "b")), 2)
    split = three_way_split([str(i) for i in range(1500)])
    links = modality_links({"a": a, "b": b}, config, split, pairs=3, permutations=199)
    assert list(links) == [("a", "b")]
    assert links["a", "b"].significant() == 2


def test_a_person_never_changes_parts() -> None:
    ids = [f"p{i}" for i in range(3000)]
    split = three_way_split(ids)
    parts = np.stack([split.train, split.select, split.test])
    assert (parts.sum(axis=0) == 1).all()
    assert parts.mean(axis=1) == pytest.approx([0.7, 0.15, 0.15], abs=0.03)
    later = three_way_split([*reversed(ids), "someone new"])
    assert np.array_equal(later.test[:-1][::-1], split.test)
    assert not np.array_equal(three_way_split(ids, salt="other").test, split.test)
    with pytest.raises(ValueError, match="below 1"):
        three_way_split(ids, 0.5, 0.5)
