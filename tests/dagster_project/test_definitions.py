"""What a Dagster user finds: assets, groups, jobs, the schedule and the sensor."""

import dagster as dg
import pytest

from dagster_project.build import build_resources, definitions_of
from dagster_project.home import Home
from dagster_project.profiles import sources_of
from personax_assets.datasets import LEAGUES, SUB_DATASETS
from personax_assets.resources import SourceConfig

PER_SUB_DATASET = {
    "sources": {"raw_bios", "bios", "face_crops", "face_embeddings"},
    "traits": {"trait_texts_chatgpt", "trait_texts_gemini", "trait_texts_llama", "trait_scores",
               "rater_quality", "text_embeddings"},
    "analysis": {"independence_tests", "crl_model", "latents", "latent_graph"},
    "release": {"report", "release"},
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def defs(home: Home) -> dg.Definitions:
    small = SourceConfig(people=10)
    sources = sources_of(home, {"athlepersona": small, "celebpersona": small})
    return definitions_of(build_resources("demo", home, sources))


def specs(defs: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_assets_and_groups_are_those_of_the_contract(defs: dg.Definitions) -> None:
    groups = {key: spec.group_name for key, spec in specs(defs).items()}
    expected = {
        f"{sub}/{name}": f"{sub}_{group}"
        for sub in ("athlepersona", "celebpersona")
        for group, names in PER_SUB_DATASET.items()
        for name in names
    } | {"comparison/level1": "comparison"}
    assert {key: groups[key] for key in expected} == expected


def test_every_asset_is_described_owned_and_of_a_kind(defs: dg.Definitions) -> None:
    for key, spec in specs(defs).items():
        assert spec.description, key
        assert spec.owners == ["team:personax"], key
        assert spec.kinds, key
        assert spec.code_version, key


def test_athletes_are_partitioned_by_league(defs: dg.Definitions) -> None:
    found = specs(defs)
    partitions = found["athlepersona/raw_bios"].partitions_def
    assert partitions is not None
    assert tuple(partitions.get_partition_keys()) == LEAGUES
    partitioned = {key for key, spec in found.items() if spec.partitions_def is not None}
    assert partitioned == {"athlepersona/raw_bios"}


def test_jobs(defs: dg.Definitions) -> None:
    everything = set(specs(defs))

    def keys(job: str) -> set[str]:
        layer = defs.resolve_job_def(job).asset_layer
        return {key.to_user_string() for key in layer.selected_asset_keys}

    studies = {key for key in everything if "/prompt_" in key}
    assert keys("calibrate_prompts") == studies
    assert len(studies) == 4
    benchmark = {"synthetic/crl_benchmark"}
    assert keys("benchmark_synthetic") == benchmark
    releases = {"athlepersona/release", "celebpersona/release"}
    assert keys("release") == releases
    assert keys("bootstrap") == everything - studies - benchmark - releases
    assert "athlepersona/crl_model" not in keys("refresh_athletes")
    assert {"athlepersona/raw_bios", "athlepersona/latents"} <= keys("refresh_athletes")
    celebs = {key for key in keys("refresh_celebs") if not key.startswith("celebpersona/")}
    assert celebs == {"comparison/level1"}
    assert "comparison/level1" in keys("refresh_athletes")
    assert {"athlepersona/crl_model", "celebpersona/crl_model"} <= keys("train_crl")


def test_the_schedule_makes_one_run_of_all_leagues(defs: dg.Definitions) -> None:
    schedule = defs.resolve_schedule_def("refresh_athletes_daily")
    result = schedule.evaluate_tick(dg.build_schedule_context())
    assert result.run_requests is not None
    assert len(result.run_requests) == 1
    tags = result.run_requests[0].tags
    assert tags["dagster/asset_partition_range_start"] == LEAGUES[0]
    assert tags["dagster/asset_partition_range_end"] == LEAGUES[-1]


def test_the_sensor_launches_when_a_roster_changes(defs: dg.Definitions, home: Home) -> None:
    def tick(definitions: dg.Definitions, cursor: str | None) -> tuple[int, str | None]:
        context = dg.build_sensor_context(cursor=cursor, definitions=definitions)
        result = definitions.resolve_sensor_def("new_athletes").evaluate_tick(context)
        return len(result.run_requests or ()), result.cursor

    requests, cursor = tick(defs, None)
    assert requests == 1
    assert tick(defs, cursor) == (0, cursor)
    more = {"athlepersona": SourceConfig(people=11)}
    larger = definitions_of(build_resources("demo", home, sources_of(home, more)))
    assert tick(larger, cursor)[0] == 1


def test_columns_show_type_meaning_and_what_checks_hold_them_to(defs: dg.Definitions) -> None:
    schemas = {
        key: spec.metadata["dagster/column_schema"]
        for key, spec in specs(defs).items()
        if "dagster/column_schema" in spec.metadata
    }
    assert {"athlepersona/bios", "celebpersona/latents"} <= schemas.keys()
    for key, schema in schemas.items():
        for column in schema.columns:
            assert column.type, f"{key} {column.name}"
            assert column.description, f"{key} {column.name}"
    bios = {column.name: column.constraints for column in schemas["athlepersona/bios"].columns}
    assert bios["person_id"].unique
    assert bios["person_id"].other == ["key"]
    assert not bios["person_id"].nullable
    assert bios["latitude"].other == ["≥ -90", "≤ 90"]
    assert bios["country_basis"].other == ["one of nationality, birth"]


def test_what_can_be_launched_is_described_and_its_runs_can_be_found(defs: dg.Definitions) -> None:
    jobs = {job.name: job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    for name, job in jobs.items():
        assert job.description, name
        if name != "prune_history":  # about the instance, not about people
            assert job.tags["personax/dataset"] in ("all", *SUB_DATASETS), name
    assert jobs["bootstrap"].tags["personax/dataset"] == "all"
    assert jobs["refresh_celebs"].tags["personax/dataset"] == "celebpersona"
    assert all(schedule.description for schedule in defs.schedules or ())
    assert all(sensor.description for sensor in defs.sensors or ())
