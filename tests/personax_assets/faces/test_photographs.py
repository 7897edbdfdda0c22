import os
import pickle
from pathlib import Path

import polars as pl
import pytest

from personax_assets.errors import PersonaXError
from personax_assets.faces.decoding import MAX_BYTES
from personax_assets.faces.photographs import (
    Photograph,
    PhotographFolder,
    SyntheticPortraits,
    folder_fingerprint,
)
from personax_ml.synthetic import draw_cohort


def cohort(dataset: str, n: int = 4, seed: int = 3) -> pl.DataFrame:
    bios = draw_cohort(dataset, n, seed).bios
    return bios.select("source_id", ("person-" + pl.col("source_id")).alias("person_id"))


def people(**columns: list[str | None]) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    frame = {"person_id": [f"p{i}" for i in range(n)], "source_id": [None] * n} | columns
    return pl.DataFrame(frame, schema_overrides={"source_id": pl.String})


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"content of {name}")


def contents(photographs: list[Photograph]) -> list[tuple[str, int, str]]:
    found = [(p.person_id, p.measurement, p.source.load().decode()) for p in photographs]
    return [(person, number, text.removeprefix("content of ")) for person, number, text in found]


@pytest.mark.parametrize(("dataset", "each"), [("athlepersona", 1), ("celebpersona", 3)])
def test_every_invented_person_has_portraits(dataset: str, each: int) -> None:
    who = cohort(dataset)
    portraits = SyntheticPortraits(dataset, 4, 3).photographs(who)
    expected = [(person, number) for person in who["person_id"] for number in range(1, each + 1)]
    assert [(p.person_id, p.measurement) for p in portraits] == expected
    assert all(p.simulated for p in portraits)
    pictures = {p.source.load() for p in portraits}
    assert len(pictures) == len({p.fingerprint for p in portraits}) == len(portraits)


def test_portraits_depend_on_the_seed_alone() -> None:
    who = cohort("athlepersona")
    first, again, other = (
        SyntheticPortraits("athlepersona", 4, seed).photographs(who) for seed in (3, 3, 4)
    )
    assert first == again
    assert [p.source.load() for p in first] == [p.source.load() for p in again]
    assert not {p.fingerprint for p in first} & {p.fingerprint for p in other}


def test_a_larger_cohort_keeps_its_portraits() -> None:
    who = cohort("athlepersona")
    small, large = (SyntheticPortraits("athlepersona", n, 3).photographs(who) for n in (4, 9))
    assert small == large


def test_people_who_are_not_in_the_cohort_have_no_portrait() -> None:
    assert SyntheticPortraits("athlepersona", 4, 3).photographs(people(source_id=["X", None])) == []


def test_photographs_can_be_sent_to_another_process(tmp_path: Path) -> None:
    write(tmp_path, "7.jpg")
    photographs = [
        *SyntheticPortraits("athlepersona", 4, 3).photographs(cohort("athlepersona")),
        *PhotographFolder(tmp_path).photographs(people(source_id=["7"])),
        *PhotographFolder(tmp_path).photographs(people(photograph=["../x.png"])),
    ]
    assert pickle.loads(pickle.dumps(photographs)) == photographs
    assert max(len(pickle.dumps(p)) for p in photographs) < 2_000


def test_files_named_after_the_id(tmp_path: Path) -> None:
    write(tmp_path, "7.jpg", "7_2.PNG", "7_3.webp", "7_4.jpg", "8_1.jpeg", "9.txt", "unrelated.jpg")
    found = PhotographFolder(tmp_path).photographs(people(source_id=["7", "8", "9", None]))
    assert contents(found) == [
        ("p0", 1, "7.jpg"),
        ("p0", 2, "7_2.PNG"),
        ("p0", 3, "7_3.webp"),
        ("p1", 1, "8_1.jpeg"),
    ]
    assert not any(p.simulated for p in found)


def test_numbers_stay_where_one_is_missing(tmp_path: Path) -> None:
    write(tmp_path, "7_3.jpg")
    found = PhotographFolder(tmp_path).photographs(people(source_id=["7"]))
    assert contents(found) == [("p0", 3, "7_3.jpg")]
    assert PhotographFolder(tmp_path, per_person=2).photographs(people(source_id=["7"])) == []


def test_somebodys_own_id_is_no_second_photograph_of_another(tmp_path: Path) -> None:
    write(tmp_path, "7.jpg", "7_2.jpg")
    found = PhotographFolder(tmp_path).photographs(people(source_id=["7", "7_2"]))
    assert contents(found) == [("p0", 1, "7.jpg"), ("p1", 1, "7_2.jpg")]


def test_leagues_that_share_an_id(tmp_path: Path) -> None:
    write(tmp_path, "7.jpg", "NBA/7.jpg", "8.jpg", "NFL/9.jpg")
    found = PhotographFolder(tmp_path).photographs(
        people(source_id=["7", "7", "8", "9"], league=["NBA", "NFL", "NHL", "NFL"])
    )
    assert contents(found) == [("p0", 1, "NBA/7.jpg"), ("p2", 1, "8.jpg"), ("p3", 1, "NFL/9.jpg")]


def test_an_id_that_is_shared_without_leagues_has_no_photograph(tmp_path: Path) -> None:
    write(tmp_path, "7.jpg")
    assert PhotographFolder(tmp_path).photographs(people(source_id=["7", "7"])) == []


def test_composed_and_decomposed_names_are_one(tmp_path: Path) -> None:
    write(tmp_path, "Zoe\u0308.jpg")
    assert len(PhotographFolder(tmp_path).photographs(people(source_id=["Zo\u00eb"]))) == 1


def test_the_column_names_files(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "deep/b.png", "7.jpg")
    found = PhotographFolder(tmp_path).photographs(
        people(source_id=["7", "8"], photograph=["deep/b.png | a.jpg|missing.jpg", None])
    )
    assert contents(found) == [("p0", 1, "deep/b.png"), ("p0", 2, "a.jpg")]


@pytest.mark.parametrize(
    "name", ["../secret.png", "deep/../../secret.png", "{outside}", "link.png", "a\0b.png"]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "photographs"
    write(folder, "deep/b.png")
    write(tmp_path, "secret.png")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    name = name.format(outside=tmp_path / "secret.png")
    (photograph,) = PhotographFolder(folder).photographs(people(photograph=[name]))
    with pytest.raises(OSError, match=r"lies outside|is no file name"):
        photograph.source.load()


def test_fingerprints_follow_the_content_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, "7.jpg", "8.jpg")
    who = people(source_id=["7", "8"])
    before = [p.fingerprint for p in PhotographFolder(tmp_path).photographs(who)]
    (tmp_path / "7.jpg").touch()
    (tmp_path / "8.jpg").write_text("another")
    after = [p.fingerprint for p in PhotographFolder(tmp_path).photographs(who)]
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_no_more_of_a_huge_file_is_read_than_shows_it(tmp_path: Path) -> None:
    with (tmp_path / "7.jpg").open("wb") as file:
        file.truncate(100 * MAX_BYTES)
    (photograph,) = PhotographFolder(tmp_path).photographs(people(source_id=["7"]))
    assert len(photograph.source.load()) == MAX_BYTES + 1


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "7.jpg")
    (tmp_path / "8.jpg").mkdir()
    (tmp_path / "9.jpg").symlink_to(tmp_path / "9.jpg")
    for photograph in PhotographFolder(tmp_path).photographs(people(source_id=["7", "8", "9"])):
        with pytest.raises(OSError, match="is no file"):
            photograph.source.load()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PersonaXError, match="nowhere is not a folder"):
        PhotographFolder(tmp_path / "nowhere").photographs(people(source_id=["7"]))


def test_the_folder_fingerprint_changes_with_any_file(tmp_path: Path) -> None:
    nothing = folder_fingerprint(tmp_path / "nowhere")
    write(tmp_path, "NBA/7.jpg")
    one = folder_fingerprint(tmp_path)
    assert one == folder_fingerprint(str(tmp_path))
    write(tmp_path, "deep/er/8.jpg")
    two = folder_fingerprint(tmp_path)
    (tmp_path / "NBA/7.jpg").write_text("another of other length")
    assert len({nothing, one, two, folder_fingerprint(tmp_path)}) == 4
