"""What must not matter does not: row order, units, labels, the way in which rows arrived."""

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personax_ml.independence import (
    VariableSpec,
    crosstab,
    encode,
    independence_tests,
    run_tests,
    strata_from_counts,
    strata_from_query,
    stratify,
    unconditional,
)

ALL = ("kci", "rcit", "hsic", "chi2", "gsq", "dcor")
ORDINAL = VariableSpec("ordinal", discrete=True)
SPECS = {
    "numeric": VariableSpec("numeric", discrete=True),
    "nominal": VariableSpec("nominal", discrete=True),
    "circular": VariableSpec("circular", discrete=True, period=12),
}

rows = st.lists(
    st.tuples(st.integers(2, 6), st.integers(0, 9), st.integers(0, 2)), min_size=40, max_size=120
)


def results(x, y, y_spec, given_column=None):
    return list(
        independence_tests(x, y, given_column, tests=ALL, x_spec=ORDINAL, y_spec=y_spec).values()
    )


def close(a, b):
    assert a.status == b.status
    for one, other in ((a.p_value, b.p_value), (a.effect_size, b.effect_size)):
        assert (one is None) == (other is None)
        if one is not None:
            assert one == pytest.approx(other, rel=1e-7, abs=1e-7)


def columns(drawn):
    x, y, z = np.array(drawn, dtype=float).T
    return x / 2, y, z


@settings(max_examples=30, deadline=None)
@given(rows, st.sampled_from(sorted(SPECS)), st.randoms(use_true_random=False))
def test_row_order_does_not_matter(drawn, kind, random):
    shuffled = list(drawn)
    random.shuffle(shuffled)
    (x, y, z), (x2, y2, z2) = columns(drawn), columns(shuffled)
    assert results(x, y, SPECS[kind]) == results(x2, y2, SPECS[kind])
    assert results(x, y, SPECS[kind], z) == results(x2, y2, SPECS[kind], z2)


@settings(max_examples=30, deadline=None)
@given(rows, st.sampled_from([0.01, 0.3937, 2.54, 1000.0]), st.sampled_from([0.0, -273.15]))
def test_units_do_not_matter_to_the_recommended_profile(drawn, factor, offset):
    x, y, z = columns(drawn)
    spec = SPECS["numeric"]
    for condition in (None, z):
        first = results(x, y, spec, condition)
        second = results(x, factor * y + offset, spec, condition)
        for a, b in zip(first, second, strict=True):
            close(a, b)


@settings(max_examples=30, deadline=None)
@given(rows, st.permutations(range(10)))
def test_labels_of_a_nominal_variable_do_not_matter_to_the_recommended_profile(drawn, order):
    x, y, z = columns(drawn)
    first = [f"c{int(v)}" for v in y]
    second = [f"c{order[int(v)]}" for v in y]
    analytic = {"tests": ALL, "x_spec": ORDINAL, "null": "analytic"}
    for condition in (None, z):
        a, b = (independence_tests(x, v, condition, **analytic) for v in (first, second))
        for name in ALL:
            close(a[name], b[name])


@settings(max_examples=30, deadline=None)
@given(rows, st.integers(0, 11))
def test_where_the_year_begins_does_not_matter_to_a_circular_variable(drawn, shift):
    x, y, _ = columns(drawn)
    tests = ("kci", "hsic", "dcor", "chi2")
    spec = SPECS["circular"]
    options = {"tests": tests, "x_spec": ORDINAL, "y_spec": spec, "null": "analytic"}
    first = independence_tests(x, y, **options)
    second = independence_tests(x, (y + shift) % 12, **options)
    for name in tests:
        close(first[name], second[name])


@settings(max_examples=40, deadline=None)
@given(rows, st.integers(0, 120))
def test_merged_tables_are_the_recomputed_ones_and_can_be_taken_apart(drawn, cut):
    def table(part):
        x, y, z = np.array(part, dtype=float).reshape(-1, 3).T
        names = [f"league {int(v)}" for v in z]
        x, y = encode(x / 2, ORDINAL, "x"), encode(y, SPECS["numeric"], "y")
        return stratify(x, y, encode(pl.Series(names, dtype=pl.String), None, "z"))

    whole, old, new = table(drawn), table(drawn[:cut]), table(drawn[cut:])
    for merged, expected in ((old + new, whole), (whole - new, old)):
        assert merged.given.values.tolist() == expected.given.values.tolist()
        for a, b in zip(
            (merged.pooled, *merged.tables), (expected.pooled, *expected.tables), strict=True
        ):
            assert a.x.values.tolist() == b.x.values.tolist()
            assert a.y.values.tolist() == b.y.values.tolist()
            assert (a.counts == b.counts).all()
    assert run_tests(old + new) == run_tests(whole)


def test_rows_that_were_never_counted_cannot_be_taken_out():
    x, y = encode([1.0, 2.0], ORDINAL, "x"), encode([1.0, 1.0], None, "y")
    table = crosstab(x, y)
    with pytest.raises(ValueError, match="never counted"):
        table - (table + table)
    with pytest.raises(ValueError, match="different variables"):
        table + crosstab(y, x)


def test_missing_values_are_left_out_pairwise_and_counted():
    x = encode(pl.Series([1.0, None, 2.0, 2.0, 1.0]))
    y = encode(pl.Series([None, "a", "b", "b", "a"]))
    table = crosstab(x, y)
    assert (table.n, table.missing) == (3, 2)
    assert table.counts.tolist() == [[1, 0], [0, 2]]


def test_a_database_counts_the_same():
    rng = np.random.default_rng(0)
    n = 3000
    people = pl.DataFrame(
        {
            "trait": np.round(rng.integers(2, 7, n) / 2, 1),
            'odd "name"': rng.choice(["NBA", "NFL", "PGA"], n),
            "height": np.where(rng.random(n) < 0.1, np.nan, rng.integers(170, 210, n)),
        }
    ).with_columns(pl.col("height").fill_nan(None))
    connection = duckdb.connect()
    connection.register("people", people)
    for y, z in (("height", None), ('odd "name"', None), ("height", 'odd "name"')):
        strata = strata_from_query(connection, "people", "trait", y, z, x_spec=ORDINAL)
        x_column, y_column = encode(people["trait"], ORDINAL), encode(people[y])
        expected = (
            unconditional(crosstab(x_column, y_column))
            if z is None
            else stratify(x_column, y_column, encode(people[z]))
        )
        assert strata.pooled.missing == expected.pooled.missing
        assert run_tests(strata) == run_tests(expected)


def test_counted_pairs_stand_for_their_rows():
    counts = pl.DataFrame({"a": [1, 1, 2, None], "b": ["u", "v", "v", "u"], "n_rows": [9, 4, 7, 3]})
    table = strata_from_counts(counts, "a", "b").pooled
    assert table.counts.tolist() == [[9, 4], [0, 7]]
    assert (table.n, table.missing) == (20, 3)
