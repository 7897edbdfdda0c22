"""README and docs: what they say is there, and what they tell to do works."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from dagster_project.cli.main import parser
from personax_assets.data_model import data_model

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

OWN_TESTS = {"independence.md", "library.md"}
"""Pages whose Python is run, and whose output is compared, by a test of their own."""

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>.*?) -->\n)?```(?P<kind>sh|python)\n(?P<code>.*?)```", re.DOTALL
)


@dataclass(frozen=True)
class Example:
    """A block of code on a page; `why` says why no test runs it."""

    page: Path
    kind: str
    code: str
    why: str | None


def examples(page: Path) -> Iterator[Example]:
    for match in _BLOCK.finditer(page.read_text("utf-8")):
        yield Example(page, match["kind"], match["code"], match["why"])


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(page: Path) -> Iterator[list[str]]:
    """Yield every call of `personax` or `make`: those in blocks, and those in the text."""
    text = page.read_text("utf-8")
    shell = [line for e in examples(page) if e.kind == "sh" for line in e.code.splitlines()]
    inline = re.findall(r"`((?:\S+=\S+ )*(?:\S*personax|make) [^`]+)`", text)
    for line in (*shell, *inline):
        try:
            words = shlex.split(line.replace("\\|", "|"), comments=True)
        except ValueError:  # a quoted text that goes on over several lines
            continue
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words and words[0].rpartition("/")[2] in ("personax", "make") and len(words) > 1:
            yield words


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_exist_with_these_options(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in commands(page):
        if words[0] == "make":
            goals = [word for word in words[1:] if "=" not in word]
            assert set(goals) <= targets, words
            more = [word[5:] for word in words if word.startswith("ARGS=")]
            words = ["personax", goals[0], *(shlex.split(more[0]) if more else [])]
            if goals[0] not in ("run", "ui"):
                continue
        given = [word for word in words[1:] if word not in ("COMMAND", "...")]
        if given:
            parser().parse_args(_completed(given))


def _completed(given: list[str]) -> list[str]:
    """Return a command that is named alone with the options that it requires."""
    required = {
        "latents": ["--dataset", "athlepersona", "--out", "latents.parquet"],
        "release": ["--dataset", "athlepersona"],
    }
    return given + required.get(given[0], []) if len(given) == 1 else given


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_modules_that_are_named_exist(page: Path) -> None:
    for module in re.findall(r"-m ((?:tests|personax_\w+|dagster_project)[\w.]*)",
                             page.read_text("utf-8")):  # fmt: skip
        assert find_spec(module), f"{named(page)} names {module}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{named(page)} links to {target}"
    for path in re.findall(r"`((?:personax_\w+|dagster_project|tests|docs)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), f"{named(page)} names {path}"


def test_every_guard_names_a_test_that_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    named_tests = re.findall(r"`(tests/[\w./-]+)`", text)
    assert len(named_tests) > 15
    assert [path for path in named_tests if not (ROOT / path).exists()] == []


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    missing = [page.name for page in PAGES[1:] if f"](docs/{page.name})" not in readme]
    assert missing == []


def test_the_data_model_is_that_of_the_schemas() -> None:
    written = (ROOT / "docs" / "data-model.md").read_text("utf-8")
    assert written == data_model(), "the schemas changed: run `make docs`"


def test_the_library_guide_prints_what_it_says() -> None:
    result = doctest.testfile(str(ROOT / "docs" / "library.md"), module_relative=False)
    assert result.attempted > 20
    assert result.failed == 0


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the project after installation, with a small cohort to invent."""
    place = tmp_path_factory.mktemp("project")
    for entry in ROOT.iterdir():
        if entry.name not in (".venv", ".personax", ".git"):
            (place / entry.name).symlink_to(entry)
    (place / ".venv").mkdir()
    stamps = ("installed", "installed-test")
    for entry in Path(sys.prefix).iterdir():
        if entry.name not in stamps:
            (place / ".venv" / entry.name).symlink_to(entry)
    for stamp in stamps:
        (place / ".venv" / stamp).touch()
    (place / ".personax").mkdir()
    (place / ".personax" / "sources.json").write_text(
        '{"athlepersona": {"people": 150}, "celebpersona": {"people": 130}}'
    )
    return place


@pytest.mark.slow
def test_what_the_pages_tell_to_do_works(workplace: Path) -> None:
    """Run every block of every page in order, as a newcomer who reads the README first."""
    environment = os.environ | {
        "HOME": str(workplace / "newcomer"),
        "PERSONAX_HOME": str(workplace / ".personax"),
    }
    (workplace / "newcomer").mkdir()
    ran = 0
    for page in PAGES:
        script = "set -euo pipefail\n"
        python = ""
        for example in examples(page):
            if example.why or (example.kind == "python" and page.name in OWN_TESTS):
                continue
            ran += 1
            if example.kind == "sh":
                run = subprocess.run(
                    ["bash", "-c", script + example.code], cwd=workplace, env=environment,
                    capture_output=True, text=True, check=False, timeout=1800,
                )  # fmt: skip
            else:
                python += example.code
                run = subprocess.run(
                    [sys.executable, "-c", python], cwd=workplace, env=environment,
                    capture_output=True, text=True, check=False, timeout=600,
                )  # fmt: skip
            assert run.returncode == 0, f"{named(page)}:\n{example.code}\n{run.stdout}{run.stderr}"
    assert ran >= 10
