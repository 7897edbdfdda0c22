"""Finding a person and reading what is known."""

from pathlib import Path

import pytest

from dagster_project.cli.main import main
from personax_assets.person import dossier, find_people
from tests.dagster_project.kit import World, rater, refreshed, resources_of


def test_who_left_or_changed_the_name_is_still_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with rater() as counting:
        monkeypatch.setenv("PERSONAX_RATERS", str(counting.configured(tmp_path, ["chatgpt"])))
        world = World(tmp_path / "rosters", (12, 2))
        first, second = list(world.playing["NBA"].values())[:2]
        for row in (first, world.rows["NBA"][0]):
            row["name"] = "Zoë [red]O’Neil[/red]"
        world.write()
        resources = resources_of(tmp_path / "home", world.list)
        stages = ("raw_bios", "bios", "trait_texts_chatgpt", "trait_scores")
        refreshed(resources, stages)
        world.day = 1
        world.leave("NBA", 1)
        world._say("NBA", second | {"name": "Second Name"}, "true")
        world.write()
        refreshed(resources, stages)

    (left,) = find_people(resources, "zoe red o neil red")
    assert (left.retired, left.group) == (True, "NBA")
    found = dossier(resources, left)
    assert found.history[-1]["retired_at"] is not None
    assert [answer.origin["kept in"] for answer in found.answers] == ["journal.sqlite"]
    assert found.scores == []
    (renamed,) = find_people(resources, second["name"])
    assert (renamed.name, renamed.retired) == ("Second Name", False)
    assert [v["name"] for v in dossier(resources, renamed).history] == [second["name"],
                                                                        "Second Name"]  # fmt: skip
    assert find_people(resources, "%") == []
    assert len(find_people(resources, "given")) == 13
    monkeypatch.setenv("PERSONAX_HOME", str(resources.home))
    assert main(["person", left.person_id]) == 0
    shown = capsys.readouterr().out
    assert "Zoë [red]O’Neil[/red]  (AthlePersona, left on 2025-03-02 06:00)" in shown
    assert "simulated" not in shown
