"""A world that changes from day to day, and a rater that counts, for the tests of refreshing."""

import csv
import hashlib
import json
import threading
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from dagster_project.build import build_resources
from dagster_project.graph import stages_of
from dagster_project.home import Home
from dagster_project.jobs import refresh_stages
from dagster_project.profiles import sources_of
from personax_assets.changes import run_changes
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.errors import PersonaXError
from personax_assets.execution import execute
from personax_assets.resources import Resources, SourceConfig
from personax_assets.stage import StageRun, stale
from personax_assets.traits.prompts import ANSWER_KEYS

LEAGUES = ("NBA", "NHL")
COLUMNS = ("id", "name", "born", "country", "height", "weight", "team", "active", "seen")


class Rater:
    """An OpenAI-compatible endpoint on loopback that answers by a hash of what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.latency_s = 0.0
        rater = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                question = body["messages"][-1]["content"]
                rater.asked.append(question)
                time.sleep(rater.latency_s)
                reply = json.dumps(_completion(body["model"], question)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *arguments: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def configured(self, folder: Path, names: Collection[str]) -> Path:
        """Write the file that describes the raters: all of them are this endpoint."""
        prices = {"input": 1.0, "output": 4.0, "date": "2026-01-05"}
        raters = [
            {"name": n, "model": n, "base_url": self.url, "provider": "kit", "prices": prices}
            for n in names
        ]
        path = folder / "raters.yaml"
        path.write_text(yaml.safe_dump({"raters": raters}))
        return path


def _completion(model: str, question: str) -> dict[str, Any]:
    digest = hashlib.sha256(f"{model} {question}".encode()).digest()
    answer = {
        key: digest[i] % 4 if key.endswith("_score") else f"word{digest[i]} of {model}"
        for i, key in enumerate(ANSWER_KEYS)
    }
    message = {"role": "assistant", "content": json.dumps(answer)}
    return {
        "id": f"answer-{digest.hex()[:12]}",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
    }


@contextmanager
def rater() -> Iterator[Rater]:
    made = Rater()
    try:
        yield made
    finally:
        made.close()


def resources_of(home: Path, rosters: Path) -> Resources:
    """Return the resources of a home of real athletes."""
    place = Home(home)
    place.prepare()
    source = SourceConfig(kind="rosters", rosters=str(rosters))
    return build_resources("live", place, sources_of(place, {ATHLEPERSONA.name: source}))


def refreshed(
    resources: Resources,
    stages: Collection[str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Do a refresh without Dagster; return what it changed."""
    run_id = str(uuid.uuid4())
    chosen = [
        stage
        for stage in refresh_stages(stages_of(resources), (ATHLEPERSONA,))
        if stages is None or stage.name in stages
    ]
    for stage in stale(chosen, resources, {stage.key for stage in chosen}):
        run = StageRun(stage, resources, stage.partitions, run_id, tags or {}, lambda text: None)
        try:
            execute(run, only_stale=True)
        except PersonaXError:
            break
    return run_changes(resources.warehouse.stages().values(), ATHLEPERSONA.name, run_id)


def table(resources: Resources, name: str) -> pl.DataFrame:
    """Return a table without what differs between two computations from the same inputs."""
    layout = next(s.layout for s in stages_of(resources) if s.layout.name == ATHLEPERSONA.name)
    schema = layout.tables[name]
    frame = resources.warehouse.read(ATHLEPERSONA.table(name), schema)
    return frame.drop(c.name for c in schema.columns if c.volatile)


class World:
    """Rosters of two leagues as change histories: a row per player and change, like ESPN's.

    Parameters
    ----------
    folder : Path
        Where the files and their description are.
    sizes : tuple of int
        Players of each league on the first day.
    """

    def __init__(self, folder: Path, sizes: tuple[int, int]) -> None:
        self.folder, self.day, self._n = folder, 0, 0
        self.rows: dict[str, list[dict[str, str]]] = {league: [] for league in LEAGUES}
        self.playing: dict[str, dict[str, dict[str, str]]] = {league: {} for league in LEAGUES}
        folder.mkdir(parents=True, exist_ok=True)
        entry = {
            "source": "kit",
            "where": [{"column": "active", "is": "true"}],
            "fields": {
                "source_id": "id",
                "name": "name",
                "birth_date": "born",
                "country": {"from": "country", "basis": "birth"},
                "height": {"from": "height", "unit": "cm"},
                "weight": {"from": "weight", "unit": "kg"},
                "snapshot": "seen",
            },
        }
        self.list = folder / "rosters.yaml"
        entries = [{**entry, "file": f"{league}.csv", "league": league} for league in LEAGUES]
        self.list.write_text(yaml.safe_dump({"rosters": entries}))
        for league, size in zip(LEAGUES, sizes, strict=True):
            self.join(league, size)
        self.write()

    def join(self, league: str, n: int) -> None:
        for _ in range(n):
            self._n += 1
            k = self._n
            person = {
                "id": str(k),
                "name": f"Given{k % 17} Family{k}",
                "born": f"{1985 + k % 20}-{k % 12 + 1:02}-{k * 7 % 28 + 1:02}",
                "country": ("USA", "Canada", "France", "Serbia")[k % 4],
                "height": str(180 + k * 5 % 31),
                "weight": str(75 + k * 7 % 41),
                "team": f"Team {k % 5}",
            }
            self._say(league, person, "true")

    def leave(self, league: str, n: int) -> None:
        for key in list(self.playing[league])[:n]:
            person = self.playing[league][key]
            self._say(league, person, "false")
            del self.playing[league][key]

    def transfer(self, league: str, n: int) -> None:
        """Change the team, which no column of `bios` holds and no prompt uses."""
        for person in list(self.playing[league].values())[-n:]:
            self._say(league, person | {"team": f"Team {self.day + 9}"}, "true")

    def correct(self, league: str, n: int) -> None:
        """Change the weight, which no prompt uses."""
        for person in list(self.playing[league].values())[1 : n + 1]:
            self._say(league, person | {"weight": str(70 + (self.day * 3) % 40)}, "true")

    def _say(self, league: str, person: dict[str, str], active: str) -> None:
        self.playing[league][person["id"]] = person
        seen = f"2025-03-{self.day + 1:02}T06:00:00Z"
        self.rows[league].append({**person, "active": active, "seen": seen})

    def write(self, *, half: str = "", dead: str = "") -> None:
        """Write the rosters: of league `half` a half, of league `dead` none."""
        for league, rows in self.rows.items():
            path = self.folder / f"{league}.csv"
            if league == dead:
                path.unlink(missing_ok=True)
                continue
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(r for r in rows if league != half or int(r["id"]) % 2)
