"""A published release: its terms, its columns, and its way from the hub."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from personax_assets.bios.cleaning import clean_bios
from personax_assets.bios.descriptions import load_description
from personax_assets.bios.raw import RawBatch
from personax_assets.bios.rosters import RosterError
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA
from personax_assets.errors import PersonaXError, TermsError
from personax_assets.schemas.people import raw_bios
from tests.loopback import Answer, Request, served

COLUMNS = """\
columns:
  source_id: id
  name: "{first} {last}"
  birth_date: {from: dob, format: "%d/%m/%Y"}
  country: {from: nation, basis: nationality}
  height: {from: h, unit: in}
  weight: {from: w, unit: lb}
  league: {from: lg, values: {nba: NBA, epl: PremierLeague}}
nulls: ["?"]
"""

TABLE = """\
id,first,last,dob,nation,h,w,lg
1,Ann,Example,29/02/2000,France,75,210,nba
2,Bob,Sample,01/05/1999,?,?,180,epl
3,Cy,Nobody,01/05/1999,Spain,70,180,curling
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    (data / "athletes.csv").write_text(TABLE)
    (data / "README.md").write_text("Only for research on Sundays.")
    return tmp_path


def describe(folder: Path, where: str = "folder: data\n", columns: str = COLUMNS) -> Any:
    path = folder / "release.yaml"
    path.write_text(f"kind: release\ndataset: athlepersona\n{where}{columns}")
    return load_description(path)


def accepted(folder: Path, **parts: str) -> Any:
    """Return the source after its terms were accepted as the message says."""
    with pytest.raises(TermsError) as refused:
        describe(folder, **parts).admit(folder / "kept")
    (line,) = re.findall(r"'(accepted_terms: \w+)'", str(refused.value))
    more = {**{"where": "folder: data\n"}, **parts}
    more["where"] += f"{line}\n"
    description = describe(folder, **more)
    description.admit(folder / "kept")
    return description.source(folder / "kept")


def test_terms_are_shown_before_first_use_and_must_be_accepted(folder: Path) -> None:
    description = describe(folder)
    with pytest.raises(TermsError, match="are not accepted yet; read them") as refused:
        description.admit(folder / "kept")
    assert "Only for research on Sundays." in refused.value.terms
    assert "must not be used for automated profiling" in refused.value.terms
    with pytest.raises(TermsError):
        description.source(folder / "kept").read("NBA")
    batch: RawBatch = accepted(folder).read("NBA")
    assert batch.terms == refused.value.terms


def test_terms_that_change_must_be_accepted_again(folder: Path) -> None:
    source = accepted(folder)
    assert source.read("NBA").rows.height == 1
    (folder / "data" / "LICENSE").write_text("Not any more.")
    with pytest.raises(TermsError, match="have changed since they were accepted"):
        source.read("NBA")


def test_columns_go_where_the_description_says(folder: Path) -> None:
    source = accepted(folder)
    batches = {league: source.read(league) for league in source.partitions}
    rows = pl.concat([batch.rows for batch in batches.values()])
    assert dict(rows.schema) == raw_bios(ATHLEPERSONA).polars
    ann, bob = clean_bios(rows, ATHLEPERSONA).bios.sort("source_id").iter_rows(named=True)
    assert (ann["name"], ann["league"], ann["country"]) == ("Ann Example", "NBA", "FR")
    assert (ann["birth_year"], ann["birth_month"], ann["birth_day"]) == (2000, 2, 29)
    assert (ann["height_cm"], ann["weight_kg"]) == (190.5, 95.25)
    assert (bob["league"], bob["country"], bob["height_cm"]) == ("PremierLeague", None, None)
    (bad,) = batches["NBA"].quarantine.iter_rows(named=True)
    assert (bad["source_file"], bad["source_row"], bad["field"]) == ("athletes.csv", 3, "league")
    assert '"curling" is no league: map it' in bad["reason"]
    for batch in batches.values():
        counts = batch.counts
        assert counts["rows_in"] == 3
        assert counts["rows_in"] == sum(
            counts[name] for name in ("rows_out", "quarantined", "out_of_scope")
        )


def test_public_figures_come_in_parquet_and_without_names(tmp_path: Path) -> None:
    data = tmp_path / "data" / "train"
    data.mkdir(parents=True)
    frame = pl.DataFrame({"key": ["a", "b"], "job": ["actor", None], "nose": [True, False]})
    frame.write_parquet(data / "0.parquet")
    columns = "columns: {source_id: key, occupation: job, big_nose: nose}\n"
    path = tmp_path / "release.yaml"
    text = f"kind: release\ndataset: celebpersona\nfolder: data\n{columns}"
    path.write_text(text)
    with pytest.raises(TermsError) as refused:
        load_description(path).admit(tmp_path)
    line = re.findall(r"'(accepted_terms: \w+)'", str(refused.value))[0]
    path.write_text(f"{text}{line}\n")
    batch = load_description(path).source(tmp_path).read(None)
    clean = clean_bios(batch.rows, CELEBPERSONA).bios.sort("source_id")
    assert clean.select("name", "occupation", "big_nose").rows() == [
        (None, "actor", True), (None, None, False),
    ]  # fmt: skip


def test_the_fingerprint_follows_files_and_description(folder: Path) -> None:
    source = accepted(folder)
    first = source.fingerprint("NBA")
    assert source.fingerprint("NBA") == first
    (folder / "data" / "athletes.csv").write_text(TABLE + "4,Di,More,01/05/1999,Spain,70,180,nba\n")
    assert source.fingerprint("NBA") != first


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def hub(files: dict[str, bytes], large: tuple[str, ...] = ()) -> Callable[[Request], Answer]:
    """Return a hub that holds files at one commit."""

    def entry(path: str, content: bytes) -> dict[str, Any]:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        found: dict[str, Any] = {
            "type": "file", "path": path, "size": len(content), "oid": blob,
        }  # fmt: skip
        if path in large:
            digest = hashlib.sha256(content).hexdigest()
            found["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 130}
        return found

    def answer(request: Request) -> Answer:
        path = request.path.partition("?")[0]
        if path == f"/api/datasets/Persona-X/athlepersona/tree/{COMMIT}":
            listed = [{"type": "directory", "path": "data"}]
            listed += [entry(name, content) for name, content in files.items()]
            return 200, {}, json.dumps(listed).encode()
        name = path.removeprefix(f"/datasets/Persona-X/athlepersona/resolve/{COMMIT}/")
        return (200, {}, files[name]) if name in files else (404, {}, b"")

    return answer


def pinned(url: str, revision: str = COMMIT) -> str:
    return f"repository: Persona-X/athlepersona\nrevision: '{revision}'\nhub: {url}\n"


FILES = {"data/athletes.csv": TABLE.encode(), "README.md": b"licence: other", "big.bin": b"0" * 99}


def test_from_the_hub_at_a_pinned_commit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with served(hub(FILES, large=("data/athletes.csv",))) as server:
        source = accepted(folder, where=pinned(server.url))
        asked = [request.path for request in server.requests]
        assert not [path for path in asked if "athletes.csv" in path], "nothing before the terms"
        assert source.read("NBA").rows["name"].to_list() == ["Ann Example"]
        asked = [request.path for request in server.requests]
        assert len(asked) == len(set(asked)) == 3, "each once: the list, the card, the table"
        assert {r.headers["authorization"] for r in server.requests} == {"Bearer hf_secret"}
    assert source.read("PremierLeague").rows["name"].to_list() == ["Bob Sample"], "without a hub"
    for path in folder.rglob("*"):
        assert not path.is_file() or b"hf_secret" not in path.read_bytes()


def test_a_file_that_is_not_what_was_announced_is_refused(folder: Path) -> None:
    for large in ((), ("data/athletes.csv",)):
        honest = hub(FILES, large)

        def answer(request: Request, honest: Callable[[Request], Answer] = honest) -> Answer:
            status, headers, body = honest(request)
            return (
                status,
                headers,
                body.replace(b"Ann", b"Eve") if b"csv" in request.path.encode() else body,
            )

        with served(answer) as server:
            source = accepted(folder, where=pinned(server.url))
            with pytest.raises(PersonaXError, match="is not what the hub announced"):
                source.read("NBA")
        assert not list((folder / "kept").rglob("athletes.csv*"))


@pytest.mark.parametrize(
    "path", ["../../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "a\\b.csv"]
)
def test_file_names_that_lead_elsewhere_are_refused(folder: Path, path: str) -> None:
    server = served(hub({**FILES, path: b"x"}))
    with server as found, pytest.raises(PersonaXError, match="a file is called"):
        describe(folder, where=pinned(found.url)).admit(folder / "kept")
    assert not list(folder.rglob("evil*"))


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "set HF_TOKEN"), (403, "set HF_TOKEN"), (404, "check 'repository' and 'revision'"),
     (400, "HTTP 400")],
)  # fmt: skip
def test_a_hub_that_refuses_is_told(folder: Path, status: int, said: str) -> None:
    server = served(lambda request: (status, {}, b"no"))
    with server as found, pytest.raises(PersonaXError) as caught:
        describe(folder, where=pinned(found.url)).admit(folder / "kept")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("where", "columns", "said"),
    [
        ("", COLUMNS, "give either 'folder', or 'repository'"),
        ("folder: data\n" + pinned("http://x"), COLUMNS, "give either 'folder', or 'repository'"),
        (pinned("http://x", "main"), COLUMNS, "must be a commit in full"),
        (pinned("http://x").replace("Persona-X/", ""), COLUMNS, "is not of the form owner/name"),
        ("folder: data\n", "columns: {nam: x}\n", "unknown key 'nam': did you mean 'name'?"),
        ("folder: data\n", "columns: {height: x}\n", "the 'source_id' or the 'name'"),
        ("folder: data\n", "columns: {name: x}\n", "which column is the 'league'"),
        ("folder: data\n", "columns: {country: x}\n", "say under 'basis'"),
    ],
)
def test_a_wrong_description(folder: Path, where: str, columns: str, said: str) -> None:
    with pytest.raises(RosterError) as caught:
        describe(folder, where, columns)
    assert said in str(caught.value)


def test_files_and_columns_that_are_not_there(folder: Path) -> None:
    with pytest.raises(RosterError, match='the file has no column "hight": use one of: id'):
        accepted(folder, columns=COLUMNS.replace("from: h,", "from: hight,")).read("NBA")
    with pytest.raises(RosterError, match=r"no file is called \*\.orc: mend 'files'"):
        accepted(folder, columns=COLUMNS + "files: ['*.orc']\n").read("NBA")
