"""CelebA: the annotation files in all their forms, identities, and who they are."""

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from personax_assets.bios.celeba import Celeba, CelebaSource
from personax_assets.bios.cleaning import clean_bios
from personax_assets.bios.descriptions import load_description
from personax_assets.bios.rosters import RosterError
from personax_assets.datasets import CELEBPERSONA, FACE_ATTRIBUTES
from personax_assets.schemas.people import raw_bios
from tests.personax_assets.bios.celeba.copies import IMAGES, NAMES, attribute_lines, write


def source(folder: Path, **more: Any) -> CelebaSource:
    return CelebaSource(
        Celeba(folder / "list_attr_celeba.txt", folder / "identity_CelebA.txt", **more)
    )


def test_identities_get_what_most_of_their_images_say(tmp_path: Path) -> None:
    write(tmp_path)
    batch = source(tmp_path).read(None)
    assert dict(batch.rows.schema) == raw_bios(CELEBPERSONA).polars
    clean = clean_bios(batch.rows, CELEBPERSONA).bios.sort("source_id")
    assert clean["source_id"].to_list() == ["3", "7"]
    assert clean["gender"].to_list() == ["female", "male"]
    assert clean["big_nose"].to_list() == [False, None], "a tie is unknown"
    assert clean["oval_face"].to_list() == [None, False]
    assert clean["big_lips"].to_list() == [False, False]
    assert clean["name"].null_count() == 2
    assert batch.counts["images"] == 6
    votes = json.loads(batch.rows["raw"][1])["yes_of_images"]
    assert (votes["big_nose"], votes["male"]) == ([2, 4], [3, 4])
    assert batch.rows["photograph"].to_list() == [
        "000002.jpg|000005.jpg", "000001.jpg|000003.jpg|000004.jpg",
    ]  # fmt: skip


def test_only_images_that_are_there_are_named(tmp_path: Path) -> None:
    write(tmp_path)
    images = tmp_path / "images"
    images.mkdir()
    for name in ("000006.jpg", "000004.jpg", "000005.jpg", "notes.txt"):
        (images / name).write_bytes(b"")
    before = source(tmp_path, images=images)
    rows = before.read(None).rows
    assert rows["photograph"].to_list() == ["000005.jpg", "000004.jpg|000006.jpg"]
    old = before.fingerprint(None)
    (images / "000001.jpg").write_bytes(b"")
    assert source(tmp_path, images=images).fingerprint(None) != old


def kaggle(folder: Path) -> tuple[Path, Path]:
    lines = [",".join(["image_id", *NAMES]), *attribute_lines(",")]
    (folder / "list_attr_celeba.csv").write_text("\n".join(lines))
    ids = ["image_id,identity", *(f"{i},{who}" for i, (who, _) in IMAGES.items())]
    (folder / "identities.csv").write_text("\r\n".join(ids))
    return folder / "list_attr_celeba.csv", folder / "identities.csv"


def packed(folder: Path) -> tuple[Path, Path]:
    write(folder)
    with zipfile.ZipFile(folder / "attributes.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "list_attr_celeba.txt", "list_attr_celeba.txt")
    text = "image identity\n" + (folder / "identity_CelebA.txt").read_text()
    (folder / "identity.gz").write_bytes(gzip.compress(text.encode()))
    return folder / "attributes.zip", folder / "identity.gz"


@pytest.mark.parametrize("form", [kaggle, packed])
def test_every_form_of_the_files_reads_the_same(
    tmp_path: Path, form: Callable[[Path], tuple[Path, Path]]
) -> None:
    write(tmp_path)
    official = source(tmp_path).read(None).rows
    found = CelebaSource(Celeba(*form(tmp_path))).read(None).rows
    apart = ["record_id", "source_file"]
    assert found.drop(apart).equals(official.drop(apart))


def test_bad_rows_cost_themselves_and_say_why(tmp_path: Path) -> None:
    lines = attribute_lines()
    fields = lines[1].split()
    lines[1] = " ".join([*fields[:3], "x", *fields[4:]])
    lines[4] = lines[4].rpartition(" ")[0]
    write(
        tmp_path,
        **{
            "list_attr_celeba.txt": "\n".join(["6", " ".join(NAMES), *lines]),
            "identity_CelebA.txt": "000001.jpg 7\n000002.jpg 3\n000003.jpg seven\n000004.jpg 7\n"
            "000005.jpg 3\n000006.jpg 7\n000006.jpg 8\n",
        },
    )
    batch = source(tmp_path).read(None)
    assert batch.rows["source_id"].to_list() == ["7"]
    told = {
        (row["source_file"], row["source_row"], row["field"]): row["reason"]
        for row in batch.quarantine.iter_rows(named=True)
    }
    attributes, identities = "list_attr_celeba.txt", "identity_CelebA.txt"
    assert told[attributes, 5, None] == "12 fields instead of 13: mend the row"
    assert told[attributes, 3, "image"].startswith("the image is not in identity_CelebA.txt")
    assert told[identities, 3, "identity"].startswith("expected an image and the number")
    assert told[identities, 2, "image"].startswith("the image is not in list_attr_celeba.txt")
    assert told[identities, 7, "image"].startswith("the file has this image with different")
    assert told[attributes, 2, "Big_Lips"] == '"x" is neither 1 nor -1: mend the row'
    assert len(told) == batch.counts["rows_without_use"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"list_attr_celeba.txt": ""}, "no attribute 'Arched_Eyebrows': the file is empty"),
        ({"list_attr_celeba.txt": "7\n" + " ".join(NAMES) + "\n" + "\n".join(attribute_lines())},
         "says that there are 7 images, but holds 6: the file is not complete"),
        ({"list_attr_celeba.txt": "1\nArched_Eyebrow Male\nx.jpg 1 1"},
         "no attribute 'Arched_Eyebrows': did you mean 'Arched_Eyebrow'?"),
        ({"identity_CelebA.txt": "900001.jpg 7\n900002.jpg 3\n"}, "do not belong together"),
    ],
)  # fmt: skip
def test_files_that_are_wrong_as_a_whole(tmp_path: Path, files: dict[str, str], said: str) -> None:
    write(tmp_path, **files)
    with pytest.raises(RosterError) as caught:
        source(tmp_path).read(None)
    assert said in str(caught.value)


def test_files_that_are_damaged_or_absent(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "identity_CelebA.txt").write_bytes(b"\x1f\x8bno gzip at all")
    with pytest.raises(RosterError, match=r"identity_CelebA\.txt: cannot be read"):
        source(tmp_path).read(None)
    (tmp_path / "identity_CelebA.txt").unlink()
    assert source(tmp_path).fingerprint(None)
    with pytest.raises(RosterError, match=r"identity_CelebA\.txt: there is no file"):
        source(tmp_path).read(None)


def test_a_list_says_who_they_are(tmp_path: Path) -> None:
    write(tmp_path, **{"people.csv": (
        "identity,name,birth_date,country,height_cm,occupation\n"
        "7,Ann Example,1970-02-03,France,171,singer\n"
        "9,Nobody,,,,\n"
        "x,Nobody,,,,\n"
        "7,Again,,,,\n"
        "3,,1980,,,\n"
    )})  # fmt: skip
    batch = source(tmp_path, people=tmp_path / "people.csv").read(None)
    clean = clean_bios(batch.rows, CELEBPERSONA).bios.sort("source_id")
    (three, seven) = clean.iter_rows(named=True)
    assert three["name"] is None
    assert (seven["name"], seven["birth_day"], seven["country"]) == ("Ann Example", 3, "FR")
    assert (seven["height_cm"], seven["occupation"], seven["gender"]) == (171.0, "singer", "male")
    assert batch.counts["named"] == 1
    reasons = batch.quarantine.sort("source_row")["reason"].to_list()
    assert reasons == [
        "CelebA has no identity 9: check the number",
        "expected the number of an identity",
        "identity 7 is in an earlier row already: remove one of them",
        "no name: give one, or describe 'wikidata'",
    ]


def test_a_name_does_not_change_who_somebody_is(tmp_path: Path) -> None:
    write(tmp_path, **{"people.csv": "identity,name\n7,Ann Example\n"})
    ids = [
        clean_bios(source(tmp_path, people=people).read(None).rows, CELEBPERSONA)
        .bios.sort("source_id")["person_id"]
        .to_list()
        for people in (None, tmp_path / "people.csv")
    ]
    assert ids[0] == ids[1]


def test_people_are_looked_up_in_wikidata(tmp_path: Path, store: str) -> None:
    write(tmp_path, **{"people.csv": "identity,qid,name\n7,Q5001,\n3,,Max Common\n"})
    (tmp_path / "celeba.yaml").write_text(
        "kind: celeba\ndataset: celebpersona\nattributes: list_attr_celeba.txt\n"
        "identities: identity_CelebA.txt\npeople: people.csv\n"
        f"wikidata: {{contact: team@example.org, endpoint: '{store}/query'}}\n"
    )
    found = load_description(tmp_path / "celeba.yaml").source(tmp_path / "kept")
    batch = found.read(None)
    seven = clean_bios(batch.rows, CELEBPERSONA).bios.filter(pl.col("source_id") == "7")
    (row,) = seven.iter_rows(named=True)
    assert (row["name"], row["birth_year"], row["occupation"]) == ("Ada Unique", 1970, "actor")
    assert row["gender"] == "female", "Wikidata's statement before CelebA's guess"
    assert row["photograph"].startswith("000001.jpg")
    assert "may be Q5002" in batch.quarantine["reason"][0]
    assert found.fingerprint(None) == found.fingerprint(None)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "the key 'attributes' is missing"),
        ("attributes: a\n", "the key 'identities' is missing"),
        ("attributes: a\nidentities: b\nimages: no-such\n", "images: there is no folder"),
        ("attributes: a\nidentities: b\nwikidata: {contact: a@b.c}\n", "needs 'people'"),
        ("attributes: a\nidentities: b\npeople: c\nwikidata: {endpoint: 'http://x/'}\n",
         "wikidata: the key 'contact' is missing"),
        ("atributes: a\n", "unknown key 'atributes': did you mean 'attributes'?"),
    ],
)  # fmt: skip
def test_a_wrong_description(tmp_path: Path, more: str, said: str) -> None:
    (tmp_path / "celeba.yaml").write_text(f"kind: celeba\ndataset: celebpersona\n{more}")
    with pytest.raises(RosterError) as caught:
        load_description(tmp_path / "celeba.yaml")
    assert said in str(caught.value)


@pytest.mark.slow
def test_the_real_files(real_data: Path) -> None:
    """10,177 identities out of 202,599 images."""
    folder = real_data / "celeba"
    if not folder.is_dir():
        pytest.skip(f"no CelebA annotations in {folder}")
    copy = Celeba(folder / "list_attr_celeba.zip", folder / "identity_CelebA.txt.gz")
    batch = CelebaSource(copy).read(None)
    assert batch.counts["images"] == 202_599
    assert batch.counts["rows_out"] == batch.rows["source_id"].n_unique() == 10_177
    assert batch.quarantine.is_empty()
    clean = clean_bios(batch.rows, CELEBPERSONA)
    assert clean.counts["rows_out"] == 10_177
    ties = {name: clean.bios[name].null_count() for name in ("gender", *FACE_ATTRIBUTES)}
    assert ties["gender"] == 9
    assert sum(ties.values()) == 1_878
    assert max(ties, key=lambda name: ties[name]) == "high_cheekbones"
