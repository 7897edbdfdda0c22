"""Sources on the network, end to end: loopback servers stand in for the public ones."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from dagster_project.build import build_resources
from dagster_project.cli.run import launch
from dagster_project.graph import stages_of
from dagster_project.home import Home
from dagster_project.profiles import sources_of
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, SubDataset
from personax_assets.report.collect import collect
from personax_assets.report.summary import summary_rows
from personax_assets.resources import Resources, SourceConfig, Sources
from personax_assets.schemas.tables import sub_dataset_tables
from personax_assets.stage import stale
from personax_assets.web import Client, Polite
from tests.loopback import Loopback, load, oxigraph, relay, served
from tests.personax_assets.bios.celeba import copies as celeba
from tests.personax_assets.bios.wikidata import world
from tests.personax_assets.bios.wikidata.graph import Item, turtle
from tests.wiki import Wiki, portrait


class LoopbackSources(Sources):
    """Sources whose photographs may come from this machine."""

    def fetcher(self, sub: SubDataset) -> Polite:
        polite = super().fetcher(sub)
        client = Client(polite.client.user_agent, allowed=lambda ip: True, deadline_s=10)
        return Polite(client, polite.folder, sleep=lambda seconds: None)


def players(wiki: Wiki, n: int) -> list[Item]:
    """Return NBA players of whom all but the last have a portrait in the wiki."""
    people = []
    for i in range(n):
        item = world.born(6000 + i, f"Player No {i}").says("P54", world.HAWKS)
        item.says("P27", world.GERMANY).says("P18", f"<{wiki.address(f'Player {i}.png')}>")
        people.append(item)
    return people


class Net:
    """Wikidata and a wiki on this machine."""

    def __init__(self, store: str, gate: Loopback, wiki: Wiki, wiki_server: Loopback) -> None:
        self.store, self.gate, self.wiki, self.wiki_server = store, gate, wiki, wiki_server


@pytest.fixture
def net() -> Iterator[Net]:
    wiki = Wiki({f"Player {i}.png": portrait(i) for i in range(7)})
    with served(wiki) as wiki_server:
        wiki.host = wiki_server.url
        graph = turtle([*world.things(), *players(wiki, 8)])
        with oxigraph(graph) as store, served(relay(store)) as gate:
            yield Net(store, gate, wiki, wiki_server)


def brought_up_to_date(home: Home, net: Net, names: tuple[str, ...]) -> Resources:
    description = home.root / "wikidata.yaml"
    home.prepare()
    description.write_text(
        "kind: wikidata\ndataset: athlepersona\ncontact: team@example.org\nleagues: [NBA]\n"
        f"max_age_hours: 0\nendpoint: {net.gate.url}/query\n"
    )
    config = SourceConfig(kind="wikidata", file=str(description), photographs="web")
    sources = sources_of(home, {"athlepersona": config})
    patient = LoopbackSources(**sources.model_dump())
    resources = build_resources("demo", home, overrides={"sources": patient})
    stages = stages_of(resources)
    wanted = {f"athlepersona/{name}" for name in names}
    todo = stale(stages, resources, wanted)
    if todo:
        launch(resources, todo)
    return resources


def table(resources: Resources, name: str, sub: SubDataset = ATHLEPERSONA) -> pl.DataFrame:
    return resources.warehouse.read(sub.table(name), sub_dataset_tables(sub)[name])


STAGES = ("raw_bios", "bios", "photographs", "face_crops")


def test_from_wikidata_to_face_crops_and_again_when_something_changes(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    home = Home(tmp_path / "home")
    resources = brought_up_to_date(home, net, STAGES)
    endings = {r.asset: (r.status, r.reason) for r in resources.warehouse.stages().values()}
    assert endings == {f"athlepersona/{name}": ("ok", None) for name in STAGES}
    bios = table(resources, "bios")
    assert bios.height == 8
    assert not bios["simulated"].any()
    assert bios["country"].unique().to_list() == ["DE"]
    photographs = table(resources, "photographs")
    assert photographs["status"].value_counts().sort("status").rows() == [
        ("not_found", 1), ("ok", 7),
    ]  # fmt: skip
    assert photographs.filter(pl.col("status") == "ok")["licence"].unique().to_list() == [
        "CC BY-SA 4.0"
    ]
    crops = table(resources, "face_crops")
    assert crops.height == 7
    assert not crops["simulated"].any()
    assert (crops["status"] == "ok").sum() >= 6
    names = [path.name for path in (home.root / "images").iterdir()]
    assert len(names) == 7
    assert all(re.fullmatch(r"[0-9a-f]{64}\.png", name) for name in names)

    asked, fetched = len(net.gate.requests), len(net.wiki_server.requests)
    brought_up_to_date(home, net, STAGES)
    assert len(net.wiki_server.requests) == fetched, "nothing new, nothing fetched"
    assert len(net.gate.requests) > asked, "but somebody looked"

    people = players(net.wiki, 8)
    people[3].version = 2
    people[3].says("P2048", world.Quantity("201", world.CM))
    load(net.store, turtle([*world.things(), *people]))
    resources = brought_up_to_date(home, net, STAGES)
    assert table(resources, "bios")["height_cm"].drop_nulls().to_list() == [201.0]
    assert len(net.wiki_server.requests) == fetched, "the photographs are the same"


@pytest.mark.slow
def test_a_wiki_that_is_down_is_told_and_tried_again(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    home = Home(tmp_path / "home")
    net.wiki.broken = {f"Player {i}.png": (500, {}, b"overloaded") for i in (1, 2)}
    resources = brought_up_to_date(home, net, STAGES)
    record = resources.warehouse.stages()["athlepersona/photographs"]
    assert record.status == "degraded"
    assert "2 of 8 photographs" in str(record.reason)
    assert "tries these again" in str(record.reason)
    assert table(resources, "face_crops").height == 5
    net.wiki.broken = {}
    seen = len(net.wiki_server.requests)
    resources = brought_up_to_date(home, net, STAGES)
    assert resources.warehouse.stages()["athlepersona/photographs"].status == "ok"
    assert table(resources, "face_crops").height == 7
    assert len(net.wiki_server.requests) - seen == 3, "one question about two files, and they"


@pytest.mark.slow
def test_the_command(net: Net, tmp_path: Path) -> None:
    """Nothing of this machine is fetched by the real thing, and nobody invents anything."""
    description = tmp_path / "athletes.yaml"
    description.write_text(
        "kind: wikidata\ndataset: athlepersona\ncontact: team@example.org\nleagues: [NBA]\n"
        f"endpoint: {net.gate.url}/query\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "dagster_project.cli", "run", "--source", str(description)],
        capture_output=True, text=True, check=False, timeout=500,
        env=os.environ | {"PERSONAX_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "8 athletes" in run.stdout
    assert "simulated raters are not asked about real people" in run.stderr
    assert net.wiki_server.requests == []


@pytest.mark.slow
def test_nameless_identities_have_faces_and_attributes_and_nobody_is_asked_about_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "no-key")
    celeba.write(tmp_path)
    images = tmp_path / "images"
    images.mkdir()
    for i, name in enumerate(celeba.IMAGES):
        (images / name).write_bytes(portrait(i))
    description = tmp_path / "celeba.yaml"
    description.write_text(
        "kind: celeba\ndataset: celebpersona\nattributes: list_attr_celeba.txt\n"
        "identities: identity_CelebA.txt\nimages: images\n"
    )
    config = SourceConfig(kind="celeba", file=str(description), photographs=str(images))
    home = Home(tmp_path / "home")
    home.prepare()
    resources = build_resources("live", home, sources_of(home, {"celebpersona": config}))
    names = ("raw_bios", "bios", "face_crops", "face_embeddings", "trait_texts_chatgpt")
    launch(resources, stale(stages_of(resources), resources, {f"celebpersona/{n}" for n in names}))
    records = resources.warehouse.stages()
    assert {records[f"celebpersona/{name}"].status for name in names[:4]} == {"ok"}
    asked = records["celebpersona/trait_texts_chatgpt"]
    assert asked.status == "skipped"
    assert "nobody can be asked about nameless public figures" in str(asked.reason)
    with resources.raters.open_journal() as journal:
        assert journal.last_call() == 0
    crops = table(resources, "face_crops", CELEBPERSONA)
    assert crops.group_by("person_id").len()["len"].sort().to_list() == [2, 3]
    rows = dict(summary_rows(collect(resources, CELEBPERSONA)))
    assert rows["People"] == (
        "2 public figures, identities only: faces and attributes, no bios, no traits"
    )


def test_only_people_with_a_name_are_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    celeba.write(tmp_path, **{"people.csv": "identity,name\n7,Ann Example\n"})
    description = tmp_path / "celeba.yaml"
    description.write_text(
        "kind: celeba\ndataset: celebpersona\nattributes: list_attr_celeba.txt\n"
        "identities: identity_CelebA.txt\npeople: people.csv\n"
    )
    raters = tmp_path / "raters.yaml"
    with served(lambda request: (400, {"Content-Type": "application/json"}, b"{}")) as model:
        raters.write_text(
            "raters:\n  - name: stub\n    model: stub\n"
            f"    base_url: {model.url}/v1\n    prices: null\n"
        )
        monkeypatch.setenv("PERSONAX_RATERS", str(raters))
        config = SourceConfig(kind="celeba", file=str(description))
        home = Home(tmp_path / "home")
        home.prepare()
        resources = build_resources("live", home, sources_of(home, {"celebpersona": config}))
        names = {f"celebpersona/{name}" for name in ("raw_bios", "bios", "trait_texts_stub")}
        launch(resources, stale(stages_of(resources), resources, names))
        bodies = [request.body.decode() for request in model.requests]
    assert len(bodies) == 1
    assert "Ann Example" in bodies[0]
    assert table(resources, "bios", CELEBPERSONA)["name"].null_count() == 1


def test_people_without_a_photograph_have_no_faces(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    load(net.store, turtle([*world.things(), world.born(6000).says("P54", world.HAWKS)]))
    resources = brought_up_to_date(Home(tmp_path / "home"), net, STAGES)
    endings = {r.asset: (r.status, r.reason) for r in resources.warehouse.stages().values()}
    assert endings["athlepersona/photographs"] == (
        "skipped", "the source gives no address of a photograph of the athletes",
    )  # fmt: skip
    assert endings["athlepersona/face_crops"][0] == "skipped"


@pytest.mark.parametrize("sub", [ATHLEPERSONA, CELEBPERSONA])
def test_the_stage_is_there_only_where_photographs_come_from_the_web(
    tmp_path: Path, sub: SubDataset
) -> None:
    def keys(config: SourceConfig) -> set[str]:
        home = Home(tmp_path)
        resources = build_resources("demo", home, sources_of(home, {sub.name: config}))
        return {stage.key for stage in stages_of(resources)}

    web = SourceConfig(kind="wikidata", file="x.yaml", photographs="web")
    assert f"{sub.name}/photographs" in keys(web)
    assert f"{sub.name}/photographs" not in keys(SourceConfig(people=10))
