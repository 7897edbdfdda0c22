import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, TRAITS
from personax_assets.errors import PersonaXError
from personax_assets.release.documents import guidelines
from personax_assets.release.gate import Bars, ReleaseRefusedError
from personax_assets.release.keys import ReleaseKey
from personax_assets.release.make import Material, Published, publish
from personax_ml.synthetic import draw_cohort
from tests.personax_assets.release.conftest import KEY, vectors
from tests.personax_assets.report.page import Page

BARS = Bars(most_reidentified=0.02, least_unchanged=0.8)
FILES = {
    *("people.parquet", "level1_counts.parquet", "bins.parquet", "README.md", "DATASHEET.md"),
    *("USAGE.md", "croissant.json", "manifest.json", "report.html"),
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, athletes: Material) -> Published:
    return publish(athletes, tmp_path_factory.mktemp("home") / "release", KEY, BARS)


@pytest.fixture(scope="module")
def small(athletes: Material) -> Material:
    """A single rater and few people: enough for what is not about figures."""
    some = athletes.bios.head(260)
    return replace(athletes, bios=some, raters=("chatgpt",), scores=athletes.scores.filter(
        pl.col("person_id").is_in(some["person_id"].implode())).drop("gemini"))  # fmt: skip


LENIENT = Bars(most_reidentified=0.2, least_unchanged=0.3, most_with_pairs=0.5, least_predicted=0)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_release_holds_what_it_should_and_nothing_else(published: Published) -> None:
    assert {path.name for path in published.folder.iterdir()} == FILES
    people = pl.read_parquet(published.folder / "people.parquet")
    scores = [f"{t}_{r}" for t in TRAITS for r in ("aggregate", "chatgpt", "gemini")]
    shown = [binning.variable for binning in published.facts.plan.shown]
    assert people.columns == ["id", "simulated", *shown, *scores]
    assert people["simulated"].all()
    assert people["id"].is_sorted()
    assert shown


def test_the_bars_hold_on_the_files(published: Published, athletes: Material) -> None:
    facts = published.facts
    assert facts.linkage.unique == 0
    assert facts.linkage.guessed <= facts.linkage.rate <= BARS.most_reidentified
    assert facts.diversity.k >= BARS.k
    assert facts.diversity.l >= 2
    assert facts.agreement.unchanged >= BARS.least_unchanged
    people = pl.read_parquet(published.folder / "people.parquet")
    shown = [binning.variable for binning in facts.plan.shown]
    sizes = people.group_by(shown).len()["len"]
    assert facts.diversity.k == sizes.min()
    assert pl.read_parquet(published.folder / "level1_counts.parquet")["people"].min() >= BARS.k  # type: ignore[operator]


def test_scores_are_those_of_the_people(published: Published, athletes: Material) -> None:
    people = pl.read_parquet(published.folder / "people.parquet")
    for rater, column in (("chatgpt", "chatgpt"), ("aggregate", "score")):
        original = athletes.scores.filter(trait="openness")[column]
        released = people[f"openness_{rater}"]
        assert sorted(released.drop_nulls()) == sorted(original.drop_nulls())


def test_nobody_is_named_anywhere(published: Published, athletes: Material) -> None:
    cohort = draw_cohort("athlepersona", 900, 0).bios
    everything = b"".join(bytes_of(published.folder).values()).decode("utf-8", "ignore")
    tables = "".join(
        pl.read_parquet(path).write_csv() for path in published.folder.glob("*.parquet")
    )
    for secret in (*cohort["name"][:200], *cohort["source_id"][:200], KEY.secret.decode()):
        assert secret not in everything
        assert secret not in tables
    coordinates = [str(x) for x in cohort["latitude"].drop_nulls()[:200]]
    assert not [x for x in coordinates if x in tables]


def test_the_manifest_lists_every_file_with_its_hash(published: Published) -> None:
    manifest = json.loads((published.folder / "manifest.json").read_text())
    assert set(manifest["files"]) == FILES - {"manifest.json"}
    for name, entry in manifest["files"].items():
        content = (published.folder / name).read_bytes()
        assert entry == {"sha256": sha256(content).hexdigest(), "bytes": len(content)}
    assert manifest["simulated"] is True
    assert manifest["gate"]["level1_unchanged"] == published.facts.agreement.unchanged


def test_croissant_describes_every_file_and_column(published: Published) -> None:
    croissant = json.loads((published.folder / "croissant.json").read_text())
    assert croissant["@type"] == "sc:Dataset"
    assert croissant["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert croissant["description"].startswith("SIMULATED")
    files = {entry["@id"]: entry for entry in croissant["distribution"]}
    assert set(files) == {path.name for path in published.folder.glob("*.parquet")}
    for name, entry in files.items():
        assert entry["@type"] == "cr:FileObject"
        assert entry["contentUrl"] == name
        assert entry["encodingFormat"] == "application/x-parquet"
        assert entry["sha256"] == sha256((published.folder / name).read_bytes()).hexdigest()
    for record_set in croissant["recordSet"]:
        name = f"{record_set['@id']}.parquet"
        columns = pl.read_parquet_schema(published.folder / name)
        assert [field["name"] for field in record_set["field"]] == list(columns)
        for field in record_set["field"]:
            assert field["dataType"].startswith("sc:")
            assert field["source"]["fileObject"] == {"@id": name}
            assert field["source"]["extract"] == {"column": field["name"]}
    ids = [field["@id"] for s in croissant["recordSet"] for field in s["field"]]
    assert len(ids) == len(set(ids))


def test_the_card_is_one(published: Published) -> None:
    card = (published.folder / "README.md").read_text()
    _, head, body = card.split("---\n", 2)
    facts = yaml.safe_load(head)
    assert facts["license"] == "other"
    assert facts["license_link"] == "USAGE.md"
    assert "simulated" in facts["tags"]
    assert {entry["data_files"] for entry in facts["configs"]} <= FILES
    assert "Nobody in this data set exists" in body
    assert "k = " in body
    assert "l = " in body


def test_the_report_says_what_was_attacked(published: Published) -> None:
    html = (published.folder / "report.html").read_text("utf-8")
    page = Page(html)
    assert not page.all("script")
    assert not re.search(r"https?://|@import", html)
    assert "Simulated." in page.words
    for words in ("Named by guessing among those who fit", "k-anonymity", "Level I decisions",
                  "asks the same language models"):  # fmt: skip
        assert words in page.words


@pytest.mark.parametrize("name", ["README.md", "DATASHEET.md", "USAGE.md"])
def test_documents_say_simulated_first(published: Published, name: str) -> None:
    text = (published.folder / name).read_text().lower()
    assert "simulated" in text
    assert "real people" not in text


@pytest.mark.slow
@pytest.mark.usefixtures("quick_level1")
def test_same_inputs_and_key_give_the_same_bytes(tmp_path: Path, small: Material) -> None:
    first = publish(small, tmp_path / "a", KEY, LENIENT)
    shuffled = replace(small, bios=small.bios.reverse(), scores=small.scores.reverse())
    again = publish(shuffled, tmp_path / "b", KEY, LENIENT)
    assert first.folder.name == again.folder.name
    assert bytes_of(first.folder) == bytes_of(again.folder)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_level1")
def test_releases_by_another_key_or_other_bars_cannot_be_joined(
    tmp_path: Path, small: Material
) -> None:
    made = [
        publish(small, tmp_path, key, bars)
        for key, bars in (
            (KEY, LENIENT),
            (ReleaseKey(b"another key that is long enough!"), LENIENT),
            (KEY, replace(LENIENT, most_reidentified=0.19)),
        )
    ]
    ids = [set(pl.read_parquet(p.folder / "people.parquet")["id"]) for p in made]
    assert not ids[0] & ids[1]
    assert not ids[0] & ids[2]
    assert len(list((tmp_path / "athlepersona").iterdir())) == 3


@pytest.mark.usefixtures("quick_level1")
@pytest.mark.parametrize(
    ("bars", "told", "mend"),
    [
        (Bars(most_reidentified=0.0001, least_unchanged=0), "names", "--most-reidentified"),
        pytest.param(
            Bars(most_reidentified=1, least_unchanged=1),
            "Level I decisions",
            "--least-unchanged",
            marks=pytest.mark.slow,
        ),
        (Bars(k=5000), "fewer than 5000", "more people"),
    ],
)
def test_a_refused_release_leaves_nothing_behind(
    tmp_path: Path, small: Material, bars: Bars, told: str, mend: str
) -> None:
    with pytest.raises(PersonaXError) as refusal:
        publish(small, tmp_path / "release", KEY, bars)
    assert told in str(refusal.value)
    assert mend in str(refusal.value)
    assert not (tmp_path / "release").exists()


def with_faces(material: Material) -> Material:
    values = vectors(material.bios.height, 36).astype(np.float32)
    faces = pl.DataFrame(
        {"person_id": material.bios["person_id"], "embedding": values},
        schema_overrides={"embedding": pl.Array(pl.Float32, 36)},
    )
    return replace(material, faces=faces)


@pytest.mark.usefixtures("quick_level1")
def test_embeddings_come_obfuscated_and_measured(tmp_path: Path, small: Material) -> None:
    made = publish(with_faces(small), tmp_path, KEY, LENIENT)
    table = pl.read_parquet(made.folder / "embeddings.parquet")
    people = pl.read_parquet(made.folder / "people.parquet")
    assert table["id"].to_list() == people["id"].to_list()
    assert table.schema["embedding"] == pl.Array(pl.Float32, 32)
    rotation = made.facts.frontier[0]
    assert rotation.noise == 0
    assert rotation.relinking.with_pairs > 0.9
    assert made.facts.chosen is not None
    assert made.facts.chosen.noise > 0, "a plain rotation is never released"
    page = Page((made.folder / "report.html").read_text("utf-8"))
    assert [svg for svg in page.all("svg") if "as noise grows" in svg.get("aria-label", "")]
    card = (made.folder / "README.md").read_text()
    assert "obfuscated, not anonymous" in card
    assert "anonymised" not in card


@pytest.mark.slow
@pytest.mark.usefixtures("quick_level1")
def test_embeddings_that_betray_or_are_good_for_nothing_are_refused(
    tmp_path: Path, small: Material
) -> None:
    strict = replace(LENIENT, most_with_pairs=0.0)
    with pytest.raises(ReleaseRefusedError, match="known pairs names") as refusal:
        publish(with_faces(small), tmp_path / "release", KEY, strict)
    assert "leave the embeddings out" in str(refusal.value)
    useful = replace(LENIENT, least_predicted=0.9)
    with pytest.raises(ReleaseRefusedError, match="noise that endangers people for nothing"):
        publish(with_faces(small), tmp_path / "release", KEY, useful)
    assert not (tmp_path / "release").exists()


def test_people_without_scores_cannot_be_released(tmp_path: Path, small: Material) -> None:
    nothing = replace(small, scores=small.scores.clear())
    with pytest.raises(PersonaXError, match="there are no trait scores"):
        publish(nothing, tmp_path / "release", KEY, LENIENT)
    assert not (tmp_path / "release").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("quick_level1")
def test_one_real_person_makes_it_a_release_of_real_people(tmp_path: Path, small: Material) -> None:
    flags = [False] + [True] * (small.bios.height - 1)
    real = replace(small, bios=small.bios.with_columns(simulated=pl.Series(flags)))
    made = publish(real, tmp_path, KEY, LENIENT)
    assert not pl.read_parquet(made.folder / "people.parquet")["simulated"].any()
    for name in ("README.md", "USAGE.md"):
        assert "real people" in (made.folder / name).read_text().lower()
    assert "simulated" not in (made.folder / "README.md").read_text().split("## Files")[0].lower()


@pytest.mark.parametrize("sub", [ATHLEPERSONA, CELEBPERSONA])
def test_guidelines_about_real_people_are_stricter(sub) -> None:  # type: ignore[no-untyped-def]
    strict, lenient = guidelines(sub, False), guidelines(sub, True)
    assert "does not try to find out who anybody is" in strict
    assert "ethics board" in strict
    assert "Nobody in this release exists" in lenient
    assert len(strict) > len(lenient)


def test_bars_are_shares() -> None:
    with pytest.raises(PersonaXError, match="between 0 and 1"):
        Bars(most_reidentified=5)
