"""What the files in `deploy/` name is there. They are read here; no container is started."""

import re
import sys
import tomllib
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagster_project.cluster.settings import EXECUTORS, Cluster
from dagster_project.home import Home
from personax_assets.fan_out import QUEUE

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "dagster_project" / "deploy"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
SECRETS = {"PERSONAX_POSTGRES_PASSWORD", "PERSONAX_REDIS_PASSWORD"}

TOP_KEYS = {
    *("global", "generatePostgresqlPasswordSecret", "postgresql", "dagsterWebserver"),
    *("dagsterDaemon", "dagster-user-deployments", "runLauncher", "rabbitmq", "redis", "flower"),
    "telemetry",
}
"""Of the chart's keys those that are used; Helm ignores one that is misspelt."""


def loaded(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text())
    return document


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = loaded("docker-compose.yaml")["services"]
    return found


def ours(services: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {k: s for k, s in services.items() if str(s["image"]).startswith("personax")}


def substituted(value: str) -> str:
    """Return a value as Compose would, with `secret` for what the environment must give."""
    value = re.sub(r"\$\{(\w+):\?[^}]*\}", "secret", value)
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def test_compose_has_every_service(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {
        *("webserver", "daemon", "code", "worker", "parts-worker", "redis", "postgres"),
    }
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)


def test_only_the_loopback_address_is_published(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert published == ["127.0.0.1:3000:3000"]
    assert "expose" not in {key for service in services.values() for key in service}
    assert "network_mode" not in {key for service in services.values() for key in service}


def test_images_have_a_version(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        assert re.fullmatch(r"\S+:\d+(\.\d+)+\S*|\S+:\d+-\S+", service["image"])
    assert {s["image"] for s in ours(services).values()} == {f"personax:{VERSION}"}
    build = services["webserver"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()


def test_commands_are_understood(services: dict[str, dict[str, Any]]) -> None:
    """Each command's own parser takes it, and what it names exists."""
    from dagster._cli.api import grpc_command
    from dagster._daemon.cli import run_command
    from dagster_webserver.cli import dagster_webserver

    celery = pytest.importorskip("celery.bin.worker", reason="the extra cluster is not installed")
    parsers = {
        ("dagster-webserver",): dagster_webserver,
        ("dagster-daemon", "run"): run_command,
        ("dagster", "api", "grpc"): grpc_command,
        ("celery",): celery.worker,
    }
    for name, service in ours(services).items():
        words = service["command"]
        start = next(s for s in parsers if tuple(words[: len(s)]) == s)
        assert Path(sys.executable).with_name(words[0]).is_file(), words[0]
        parser, arguments = parsers[start], words[len(start) :]
        if start == ("celery",):
            app, module, worker, *arguments = arguments
            assert (app, worker) == ("-A", "worker")
            assert find_spec(module), module
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
        if parser is celery.worker:  # which needs more than its own words to read them
            known = {spelling for parameter in parser.params for spelling in parameter.opts}
            assert {word for word in arguments if word.startswith("-")} <= known
        else:
            parser.make_context(name, list(arguments))
        for option, value in pairwise(arguments):
            if option == "-w":
                assert (ROOT / value).is_file(), value
            if option == "-m":
                assert find_spec(value), value


def test_every_queue_has_a_worker(services: dict[str, dict[str, Any]]) -> None:
    served = {s["command"][s["command"].index("-Q") + 1] for s in services.values()
              if "-Q" in s.get("command", ())}  # fmt: skip
    assert served == {"dagster", QUEUE}


def test_the_workspace_leads_to_the_code_location(services: dict[str, dict[str, Any]]) -> None:
    server = loaded("workspace.yaml")["load_from"][0]["grpc_server"]
    command = services[server["host"]]["command"]
    assert command[command.index("-p") + 1] == str(server["port"])
    local = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"][0]["python_module"]
    assert server["location_name"] == local["location_name"]
    assert command[command.index("-m") + 1] == local["module_name"]
    web = services["webserver"]["command"]
    assert services["webserver"]["ports"][0].endswith(f":{web[web.index('-p') + 1]}")


def test_secrets_come_from_the_environment(services: dict[str, dict[str, Any]]) -> None:
    text = (DEPLOY / "docker-compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+):\?", text)) == SECRETS
    for name, value in services["worker"]["environment"].items():
        if "KEY" in name:
            assert value == f"${{{name}:-}}"


def test_variables_are_read_by_the_project(services: dict[str, dict[str, Any]]) -> None:
    source = "".join(
        path.read_text() for package in ("dagster_project", "personax_assets")
        for path in (ROOT / package).rglob("*")
        if path.suffix in (".py", ".yaml") and path.parent != DEPLOY
    )  # fmt: skip
    values = loaded("values.yaml")["dagster-user-deployments"]["deployments"][0]
    names = {*services["worker"]["environment"], *(one["name"] for one in values["env"])}
    assert [name for name in names if f'"{name}"' not in source and name not in source] == []


def test_the_settings_are_accepted(
    services: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in services["worker"]["environment"].items():
        monkeypatch.setenv(name, substituted(str(value)))
    cluster = Cluster.from_environment("cluster", Home.from_environment())
    assert cluster is not None
    assert (cluster.executor, cluster.fan_out.rows) == ("celery", 2000)
    assert cluster.fan_out.exchange.url == "/data/exchange"
    raters = substituted(services["worker"]["environment"]["PERSONAX_RATERS"])
    assert (ROOT / Path(raters).relative_to("/opt/personax")).is_file()


def test_the_image_holds_the_project() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [words for line in lines if line.startswith("COPY ") for words in line.split()[1:-1]]
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert {"personax_ml", "personax_assets", "dagster_project", "constraints.txt"} <= set(copied)
    assert any("constraints.txt" in line and "[cluster]" in line for line in lines)
    assert "USER personax" in lines
    assert 'ENTRYPOINT ["python", "-m", "dagster_project.home"]' in lines


def test_helm_values_have_the_charts_shape() -> None:
    values = loaded("values.yaml")
    assert set(values) == TOP_KEYS
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    assert set(deployment) == {
        *("name", "image", "dagsterApiGrpcArgs", "port", "includeConfigInLaunchedRuns", "env"),
        *("envSecrets", "volumes", "volumeMounts"),
    }
    assert deployment["image"]["tag"] == VERSION
    assert deployment["dagsterApiGrpcArgs"][0] == "-m"
    assert find_spec(deployment["dagsterApiGrpcArgs"][1])
    assert deployment["includeConfigInLaunchedRuns"] == {"enabled": True}
    mounted = {mount["name"] for mount in deployment["volumeMounts"]}
    assert mounted == {volume["name"] for volume in deployment["volumes"]}
    environment = {one["name"]: one["value"] for one in deployment["env"]}
    assert all(isinstance(value, str) for value in environment.values())
    assert environment["PERSONAX_EXECUTOR"] in EXECUTORS
    assert environment["PERSONAX_HOME"] == deployment["volumeMounts"][0]["mountPath"]
    assert values["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"
    assert values["generatePostgresqlPasswordSecret"] is False
    assert "assword" not in str(values["postgresql"])


def test_the_run_launcher_takes_the_values() -> None:
    launchers = pytest.importorskip("dagster_k8s", reason="the extra cluster is not installed")
    launcher = loaded("values.yaml")["runLauncher"]
    known = launchers.K8sRunLauncher.config_type()
    given = launcher["config"]["k8sRunLauncher"]
    assert hasattr(launchers, launcher["type"])
    assert {re.sub("(?=[A-Z])", "_", key).lower() for key in given} <= set(known)


def test_the_chart_is_that_of_the_installed_dagster() -> None:
    pinned = re.search(r"^dagster==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert f"--version {pinned[1]}" in (DEPLOY / "values.yaml").read_text()
