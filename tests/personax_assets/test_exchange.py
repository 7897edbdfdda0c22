"""Tables under a URL: a folder, or anything that fsspec opens."""

import uuid
from pathlib import Path

import polars as pl
import pytest
from fsspec.implementations.local import LocalFileSystem
from polars.testing import assert_frame_equal

from personax_assets.exchange import Exchange

FRAME = pl.DataFrame(
    {"id": ["a", "b"], "crop": [b"\x00\xff", None], "embedding": [[1.5, -0.0], [2.0, 3.0]]},
    schema_overrides={"embedding": pl.Array(pl.Float32, 2)},
)


@pytest.fixture(params=["folder", "file", "memory"])
def exchange(request: pytest.FixtureRequest, tmp_path: Path) -> Exchange:
    urls = {
        "folder": str(tmp_path / "a folder"),
        "file": f"file://{tmp_path}/x/",
        "memory": f"memory://{uuid.uuid4()}",
    }
    return Exchange(urls[request.param])


def test_a_table_comes_back_as_it_was_left(exchange: Exchange) -> None:
    exchange.put("run.stage/rows/000001", FRAME)
    assert_frame_equal(exchange.get("run.stage/rows/000001"), FRAME)
    exchange.put("run.stage/rows/000001", FRAME.head(1))
    assert exchange.get("run.stage/rows/000001").height == 1


def test_tables_are_listed_in_order_and_removed_by_folder(exchange: Exchange) -> None:
    assert exchange.names("run.stage/rows") == ()
    assert exchange.folders() == ()
    for name in ("b", "a"):
        exchange.put(f"run.stage/rows/{name}", FRAME.with_columns(pl.lit(name).alias("id")))
    exchange.put("other.stage/rows/a", FRAME)
    assert exchange.names("run.stage/rows") == ("run.stage/rows/a", "run.stage/rows/b")
    assert [frame["id"][0] for frame in exchange.all_in("run.stage/rows")] == ["a", "b"]
    assert exchange.folders() == ("other.stage", "run.stage")
    exchange.remove("run.stage")
    exchange.remove("run.stage")
    assert exchange.folders() == ("other.stage",)


def test_nobody_sees_half_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(self: LocalFileSystem, path: str, value: bytes, **_: object) -> None:
        Path(path).write_bytes(value[: len(value) // 2])
        raise OSError("no space left on device")

    monkeypatch.setattr(LocalFileSystem, "pipe_file", half)
    exchange = Exchange(str(tmp_path))
    with pytest.raises(OSError, match="no space"):
        exchange.put("run.stage/rows/a", FRAME)
    assert exchange.names("run.stage/rows") == ()
