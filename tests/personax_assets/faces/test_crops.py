import io
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageFilter

from personax_assets.datasets import SUB_DATASETS, SubDataset
from personax_assets.faces import crops
from personax_assets.faces.crops import CropRow, crop_faces, cut_out, expected_hashes, process
from personax_assets.faces.detection import Box
from personax_assets.faces.photographs import Photograph, PhotographFile, RefusedFile
from personax_assets.schemas.faces import PHOTOGRAPH_STATUSES, face_crops
from tests.personax_assets.faces.pictures import Bytes, astronaut, encoded, gradient, portrait


def photograph(source: object, measurement: int = 1) -> Photograph:
    return Photograph("person", measurement, "fingerprint", source, simulated=False)  # type: ignore[arg-type]


def row_of(image: Image.Image) -> CropRow:
    return process(photograph(Bytes(encoded(image))))


def side_by_side(*portraits: Image.Image) -> Image.Image:
    picture = Image.new("RGB", (sum(p.width for p in portraits), portraits[0].height))
    left = 0
    for each in portraits:
        picture.paste(each, (left, 0))
        left += each.width
    return picture


@dataclass(frozen=True)
class Deadly:
    """A picture that crashes its decoder."""

    def load(self) -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return b""


def test_a_face_is_cropped() -> None:
    row = row_of(astronaut())
    assert (row.status, row.faces, row.detail) == ("ok", 1, None)
    assert row.crop is not None
    crop = Image.open(io.BytesIO(row.crop))
    assert (crop.format, crop.size, crop.mode) == ("PNG", (224, 224), "RGB")
    assert row.box_size is not None
    assert 80 < row.box_size < 140
    assert row.sharpness is not None
    assert row.sharpness > 50
    assert row.brightness is not None
    assert 0.3 < row.brightness < 0.8


def test_the_crop_is_the_box_and_its_margin() -> None:
    pixels = gradient(200, 200)
    crop = np.asarray(cut_out(pixels, Box(60, 80, 80))).astype(int)
    assert abs(crop[112, :, 0].min() - 40 * 255 / 199) < 4
    assert abs(crop[112, :, 0].max() - 160 * 255 / 199) < 4
    assert abs(crop[:, 112, 1].min() - 60 * 255 / 199) < 4
    assert abs(crop[:, 112, 1].max() - 180 * 255 / 199) < 4


@pytest.mark.parametrize("box", [Box(0, 0, 100), Box(-30, 120, 90), Box(150, 150, 60)])
def test_a_face_at_the_border_repeats_the_border(box: Box) -> None:
    pixels = gradient(200, 200)
    crop = np.asarray(cut_out(pixels, box)).astype(int)
    middle = crop[112, 112, :2] * 199 / 255
    assert np.allclose(middle, [box.left + box.size / 2, box.top + box.size / 2], atol=3)


def test_no_face() -> None:
    row = row_of(Image.new("RGB", (300, 300), "grey"))
    assert (row.status, row.faces, row.crop) == ("no_face", 0, None)


def test_two_faces_of_one_size_are_ambiguous() -> None:
    row = row_of(side_by_side(portrait(1), portrait(2)))
    assert (row.status, row.faces, row.crop) == ("many_faces", 2, None)
    assert row.detail is not None
    assert "2 faces" in row.detail


def test_a_bystander_is_not_taken_for_the_person() -> None:
    picture = Image.new("RGB", (720, 480), "white")
    picture.paste(portrait(1).resize((480, 480)), (0, 0))
    picture.paste(portrait(2), (480, 120))
    row = row_of(picture)
    assert row.status == "ok"
    assert row.box_left is not None
    assert row.box_left < 240


def test_a_small_face() -> None:
    row = row_of(portrait().resize((60, 60)))
    assert (row.status, row.crop) == ("small_face", None)
    assert row.detail is not None
    assert "40 are needed" in row.detail


def test_a_blurry_face() -> None:
    row = row_of(portrait().filter(ImageFilter.GaussianBlur(4)))
    assert (row.status, row.crop) == ("blurry", None)
    assert row.sharpness is not None
    assert row.sharpness < crops.LEAST_SHARPNESS


@pytest.mark.parametrize(
    ("source", "status", "detail"),
    [
        (Bytes(b""), "undecodable", "empty"),
        (Bytes(b"GIF89a"), "undecodable", "no JPEG"),
        (Bytes(bytes(20_000_001)), "too_large", "20 MB"),
        (PhotographFile(Path("/nowhere/7.jpg")), "unreadable", "is no file"),
        (RefusedFile("../7.jpg", "lies outside"), "unreadable", "'../7.jpg' lies outside"),
    ],
)
def test_what_is_wrong_is_a_status(source: object, status: str, detail: str) -> None:
    row = process(photograph(source))
    assert row.status == status
    assert row.detail is not None
    assert detail in row.detail


@pytest.mark.parametrize("sub", SUB_DATASETS.values(), ids=lambda sub: sub.name)
def test_rows_fit_the_schema(sub: SubDataset) -> None:
    sources = [Bytes(encoded(astronaut())), Bytes(b"")]
    (frame,) = crop_faces([photograph(source, i) for i, source in enumerate(sources, start=1)])
    assert dict(frame.schema) == face_crops(sub).polars
    assert frame["status"].to_list() == ["ok", "undecodable"]
    assert set(frame["status"]) <= set(PHOTOGRAPH_STATUSES)


def test_batches_are_in_order_and_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "BATCH", 40)
    blank = Bytes(encoded(Image.new("RGB", (50, 50))))
    done: list[int] = []
    frames = list(crop_faces([photograph(blank, i) for i in range(1, 101)], done.append, workers=2))
    assert [frame.height for frame in frames] == [40, 40, 20]
    assert pl.concat(frames)["measurement"].to_list() == list(range(1, 101))
    assert sum(done) == 100


def test_nothing_to_do() -> None:
    assert list(crop_faces([])) == []


def test_several_processes_make_the_same_rows_as_one() -> None:
    data = [Bytes(encoded(portrait(seed))) for seed in range(4)] * 20
    photographs = [photograph(source, i) for i, source in enumerate(data, start=1)]
    one, two = (pl.concat(crop_faces(photographs, workers=workers)) for workers in (1, 2))
    assert one.equals(two)


def test_a_picture_that_kills_its_process_costs_one_row() -> None:
    blank = Bytes(encoded(Image.new("RGB", (50, 50))))
    photographs = [photograph(blank, i) for i in range(1, 101)]
    photographs[60] = photograph(Deadly(), 61)
    frame = pl.concat(crop_faces(photographs, workers=2))
    dead = frame.filter(pl.col("status") == "undecodable")
    assert dead["measurement"].to_list() == [61]
    assert dead["detail"].to_list() == ["the process that looked at it died, 2 times"]
    assert frame.height == 100


def test_expected_hashes_are_those_of_the_rows() -> None:
    photographs = [photograph(Bytes(b""), 1), photograph(Bytes(encoded(astronaut())), 2)]
    (frame,) = crop_faces(photographs)
    expected = expected_hashes(photographs)
    assert expected.equals(frame.select(expected.columns))


def test_another_photograph_or_recipe_is_another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    one = photograph(Bytes(b""))
    another = Photograph("person", 1, "another", Bytes(b""), simulated=False)
    before = expected_hashes([one, another])["input_hash"]
    assert before.n_unique() == 2
    monkeypatch.setattr(crops, "_RECIPE", ("another",))
    assert not set(expected_hashes([one, another])["input_hash"]) & set(before)
