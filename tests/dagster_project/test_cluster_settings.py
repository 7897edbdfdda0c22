"""What the profile `cluster` is told, and how it complains."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from dagster_project.build import build_definitions
from dagster_project.cluster.settings import Cluster
from dagster_project.home import Home
from personax_assets.errors import PersonaXError

POSTGRES = "postgresql+psycopg2://personax:canary@127.0.0.1:1/dagster"
BROKER = "redis://:canary@127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in ("EXECUTOR", "EXCHANGE_URL", "PART_ROWS", "REDELIVERY_S", "RATERS"):
        monkeypatch.delenv(f"PERSONAX_{name}", raising=False)
    monkeypatch.setenv("PERSONAX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PERSONAX_PROFILE", "cluster")
    monkeypatch.setenv("PERSONAX_POSTGRES_URL", POSTGRES)
    monkeypatch.setenv("PERSONAX_BROKER_URL", BROKER)
    return monkeypatch


def asked(profile: str = "cluster") -> Cluster | None:
    return Cluster.from_environment(profile, Home.from_environment())


def test_defaults(tmp_path: Path) -> None:
    cluster = asked()
    assert cluster is not None
    assert cluster.executor == "celery"
    assert cluster.fan_out.exchange.url == str(tmp_path / "home" / "exchange")
    assert cluster.fan_out.rows == 2000


def test_other_profiles_are_no_cluster(environment: pytest.MonkeyPatch) -> None:
    assert asked("demo") is None
    environment.setenv("PERSONAX_EXECUTOR", "celery")
    with pytest.raises(PersonaXError, match="PERSONAX_EXECUTOR: celery needs PERSONAX_PROFILE="):
        asked("live")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PERSONAX_EXECUTOR", "dask", "there is no executor 'dask'; use one of celery"),
        ("PERSONAX_POSTGRES_URL", "", "PERSONAX_POSTGRES_URL is not set"),
        ("PERSONAX_POSTGRES_URL", "postgresql://x:canary@y/z", "name the driver"),
        ("PERSONAX_BROKER_URL", "", "PERSONAX_BROKER_URL is not set"),
        ("PERSONAX_PART_ROWS", "0", "'0' is no positive whole number"),
        ("PERSONAX_PART_ROWS", "many", "'many' is no positive whole number"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    environment: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(PersonaXError, match=told) as error:
        asked()
    assert name in str(error.value)
    assert "canary" not in str(error.value)


def test_on_kubernetes_the_chart_configures_the_instance(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PERSONAX_EXECUTOR", "kubernetes")
    for name in ("PERSONAX_POSTGRES_URL", "PERSONAX_BROKER_URL"):
        environment.delenv(name)
    assert asked() is not None


def test_the_instance_lies_in_postgres_and_its_file_holds_no_secret(tmp_path: Path) -> None:
    Home.from_environment().prepare()
    text = (tmp_path / "home" / "dagster" / "dagster.yaml").read_text()
    address = {"postgres_url": {"env": "PERSONAX_POSTGRES_URL"}}
    assert yaml.safe_load(text)["storage"] == {"postgres": address}
    assert yaml.safe_load(text)["telemetry"] == {"enabled": False}
    assert "canary" not in text


def test_a_command_finds_the_home_ready(tmp_path: Path) -> None:
    code = "import os; print(os.path.isfile(os.environ['DAGSTER_HOME'] + '/dagster.yaml'))"
    run = subprocess.run(
        [sys.executable, "-m", "dagster_project.home", sys.executable, "-c", code],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout == "True\n"


@pytest.mark.parametrize(("name", "package"), [("celery", "dagster_celery"),
                                               ("kubernetes", "dagster_k8s")])  # fmt: skip
def test_the_executor_is_a_setting(
    environment: pytest.MonkeyPatch, name: str, package: str
) -> None:
    pytest.importorskip(package, reason="the extra cluster is not installed")
    environment.setenv("PERSONAX_EXECUTOR", name)
    job = build_definitions().resolve_job_def("bootstrap")
    assert job.executor_def.name == {"celery": "celery", "kubernetes": "k8s"}[name]


def test_an_executor_that_is_not_installed_says_what_to_install(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setitem(sys.modules, "dagster_celery", None)
    with pytest.raises(PersonaXError, match=r"pip install -c constraints.txt '\.\[cluster\]'"):
        build_definitions()


@pytest.mark.parametrize("starts", [0, 2, 3])
def test_a_step_that_keeps_killing_its_process_is_given_up(tmp_path: Path, starts: int) -> None:
    pytest.importorskip("dagster_celery", reason="the extra cluster is not installed")
    from dagster._core.code_pointer import ModuleCodePointer
    from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
    from dagster._grpc.types import ExecuteStepArgs

    from dagster_project.cluster import celery_app

    module = ModuleCodePointer("dagster_project.definitions", "defs", None)
    origin = JobPythonOrigin("bootstrap", RepositoryPythonOrigin(sys.executable, module))

    assert celery_app.execute_plan.acks_late
    assert celery_app.execute_plan.reject_on_worker_lost
    (tmp_path / "instance").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "instance")) as instance:
        run = dg.DagsterRun(job_name="bootstrap")
        for number in range(starts):
            event = dg.DagsterEvent("STEP_START", "bootstrap", step_key="model")
            instance.report_dagster_event(event, run.run_id, timestamp=float(number))
        step = ExecuteStepArgs(
            job_origin=origin,
            run_id=run.run_id,
            step_keys_to_execute=["model"],
            instance_ref=instance.get_ref(),
        )
        if starts < celery_app.MOST_STARTS:
            celery_app._refuse_deadly(step)
            return
        with pytest.raises(celery_app.StepLostError, match="step model: started 3 times"):
            celery_app._refuse_deadly(step)
