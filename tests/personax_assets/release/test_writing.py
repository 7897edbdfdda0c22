from pathlib import Path

import pytest

from personax_assets.release.writing import put_in_place, staged, version_of


def made(releases: Path, text: str) -> Path:
    with staged(releases, "athlepersona") as folder:
        (folder / "a.txt").write_text(text)
        return put_in_place(folder, releases / "athlepersona")


def test_a_release_is_named_after_its_content(tmp_path: Path) -> None:
    first = made(tmp_path / "release", "x")
    assert first.name == version_of(first)
    assert made(tmp_path / "release", "x") == first
    assert made(tmp_path / "release", "y") != first
    assert len(list((tmp_path / "release").rglob("*.txt"))) == 2
    assert not list((tmp_path / "release").glob(".*"))


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def fill_the_disk() -> None:
        with staged(tmp_path / "release", "x") as folder:
            (folder / "half.parquet").write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fill_the_disk()
    assert not (tmp_path / "release").exists()


def test_what_a_kill_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / "release" / ".making-athlepersona"
    left.mkdir(parents=True)
    (left / "half.parquet").write_text("half")
    place = made(tmp_path / "release", "x")
    assert [path.name for path in place.iterdir()] == ["a.txt"]
    assert not left.exists()
