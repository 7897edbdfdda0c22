"""Tables in, aligned measurements out; and the frame that the registered models take."""

import numpy as np
import polars as pl
import pytest

from personax_assets.analysis.measurements import (
    MeasuredPeople,
    framed,
    measured_frame,
    measured_people,
    measurement_names,
)
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA
from tests.personax_assets.analysis.conftest import RATERS, Tables, embedded


def test_people_are_aligned_whatever_the_order_of_the_rows(tables: Tables) -> None:
    faces = tables.faces.filter(pl.col("person_id") != "a-0003").sample(
        fraction=1, shuffle=True, seed=1
    )
    texts = tables.texts.filter(
        ~((pl.col("person_id") == "a-0005") & (pl.col("rater") == "gemini"))
    ).sample(fraction=1, shuffle=True, seed=2)
    people = measured_people(faces, texts, ATHLEPERSONA, RATERS)
    assert list(people.person_ids) == sorted(people.person_ids)
    assert people.measurements.keys() == {"face_1", *(f"text_{r}" for r in RATERS)}
    row = people.person_ids.index("a-0042")
    expected = tables.texts.filter(pl.col("person_id") == "a-0042", pl.col("rater") == "llama")
    assert people.measurements["text_llama"][row].tolist() == expected["embedding"][0].to_list()
    assert not people.has("face_1")[3]
    assert people.has("face_1").sum() == len(people.person_ids) - 1
    assert np.isnan(people.measurements["text_gemini"][5]).all()


def test_a_rater_without_a_text_is_missing_for_everybody(tables: Tables) -> None:
    people = measured_people(
        tables.faces, tables.texts.filter(pl.col("rater") != "llama"), ATHLEPERSONA, RATERS
    )
    assert people.measurements["text_llama"].shape == people.measurements["text_gemini"].shape
    assert not people.has("text_llama").any()


def test_photographs_beyond_the_third_are_not_used() -> None:
    x = np.ones((2, 3))
    faces = pl.concat([embedded(["p", "q"], "measurement", k, k * x) for k in (1, 3, 4)])
    people = measured_people(
        faces, embedded(["q"], "rater", "gemini", x[:1]), CELEBPERSONA, ("gemini",)
    )
    assert measurement_names(CELEBPERSONA, ("gemini",)) == {
        "face": ("face_1", "face_2", "face_3"), "text": ("text_gemini",),
    }  # fmt: skip
    assert people.measurements["face_3"].tolist() == [[3, 3, 3], [3, 3, 3]]
    assert not people.has("face_2").any()
    assert people.has("text_gemini").tolist() == [False, True]


def test_the_digest_knows_every_value_and_person(people: MeasuredPeople) -> None:
    same = MeasuredPeople(people.person_ids, {k: x.copy() for k, x in people.measurements.items()})
    assert same.digest == people.digest
    changed = {k: x.copy() for k, x in people.measurements.items()}
    changed["face_1"][7, 3] += 1e-3
    assert MeasuredPeople(people.person_ids, changed).digest != people.digest
    renamed = ("somebody else", *people.person_ids[1:])
    assert MeasuredPeople(renamed, people.measurements).digest != people.digest


def test_frames_hold_lists_or_nulls(people: MeasuredPeople) -> None:
    few = {name: x[:4].copy() for name, x in people.measurements.items()}
    few["face_1"][2] = np.nan
    frame = framed(few)
    assert frame["face_1"][2] is None
    assert isinstance(frame["face_1"][0], list)
    widths = {name: x.shape[1] for name, x in few.items()}
    for name, x in measured_frame(frame, widths).items():
        assert np.array_equal(x, few[name], equal_nan=True)
    without = measured_frame(frame.drop(columns="text_llama"), widths)
    assert np.isnan(without["text_llama"]).all()
    frame["face_1"] = [[1.0], None, None, None]
    with pytest.raises(
        ValueError, match="row 0, column face_1: 1 numbers, the model was trained on 24"
    ):
        measured_frame(frame, widths)
