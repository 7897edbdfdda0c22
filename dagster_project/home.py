"""The folder that holds everything the program writes.

Belongs here: where things lie in it, and making it ready. Does not belong here: their content.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from personax_assets.errors import PersonaXError
from personax_assets.report import FOLDER as REPORT

PROJECT_ROOT = Path(__file__).resolve().parent.parent

CLUSTER = "cluster"
"""The profile of more than one machine: its instance lies in PostgreSQL."""

POSTGRES_VARIABLE = "PERSONAX_POSTGRES_URL"


@dataclass(frozen=True)
class Home:
    """Paths inside a home folder.

    Parameters
    ----------
    root : Path
        The folder.
    """

    root: Path

    @classmethod
    def from_environment(cls) -> "Home":
        """Return `$PERSONAX_HOME`, or `.personax` in the project root."""
        return cls(Path(os.environ.get("PERSONAX_HOME") or PROJECT_ROOT / ".personax").absolute())

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.root / "warehouse.duckdb"

    @property
    def journal(self) -> Path:
        """The SQLite file of LLM responses."""
        return self.root / "journal.sqlite"

    @property
    def manifest(self) -> Path:
        """The file that says which sources the home belongs to."""
        return self.root / "sources.json"

    @property
    def sources(self) -> Path:
        """Where sources keep what they fetched."""
        return self.root / "sources"

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking URI: the environment's, or a SQLite file in the home."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        """MLflow's artifacts."""
        return self.root / "mlartifacts"

    @property
    def dagster(self) -> Path:
        """The Dagster instance."""
        return self.root / "dagster"

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.root / REPORT

    @property
    def release(self) -> Path:
        """What may leave the home."""
        return self.root / "release"

    def prepare(self) -> None:
        """Create the folder and the Dagster instance's configuration.

        Raises
        ------
        PersonaXError
            If the folder cannot be written to.
        """
        try:
            self.dagster.mkdir(parents=True, exist_ok=True)
            names = ["dagster.yaml"]
            if os.environ.get("PERSONAX_PROFILE") == CLUSTER:
                names.append("dagster_cluster.yaml")
            configuration = "".join(
                files("dagster_project").joinpath(name).read_text() for name in names
            )
            temporary = self.dagster / f"dagster.{os.getpid()}.tmp"
            temporary.write_text(configuration)
            temporary.replace(self.dagster / "dagster.yaml")
        except OSError as error:
            raise PersonaXError(
                f"home {self.root}: cannot be written to ({error.strerror}); make it writable "
                "or set PERSONAX_HOME to a folder that is"
            ) from error
        os.environ["DAGSTER_HOME"] = str(self.dagster)


def main(command: Sequence[str]) -> None:
    """Make the home ready, then become a command that needs its Dagster instance."""
    Home.from_environment().prepare()
    os.execvp(command[0], list(command))  # noqa: S606  # the caller's own words, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
