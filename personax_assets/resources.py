"""The Dagster resources that the stages work with.

Belongs here: where people, photographs, answers and models come from and go to, as configuration.
Does not belong here: the work itself; each resource hands out objects of a stage's own module.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import dagster as dg
from pydantic import PrivateAttr

from personax_assets.bios.descriptions import WEB, load_description
from personax_assets.datasets import SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.warehouse import Warehouse

if TYPE_CHECKING:
    from personax_assets.analysis.tracking import Tracking
    from personax_assets.bios.sources import BioSource
    from personax_assets.embeddings.encoders import Encoder
    from personax_assets.faces.photographs import PhotographFolder, SyntheticPortraits
    from personax_assets.traits.budget import Budget
    from personax_assets.traits.journal import Journal
    from personax_assets.traits.rater_files import RaterFile
    from personax_assets.traits.raters import RaterConfig
    from personax_assets.traits.simulated_server import SimulatedServer
    from personax_assets.web import Polite


class SourceConfig(dg.Config):
    """Where the people of one sub-dataset come from.

    Parameters
    ----------
    kind : {"synthetic", "rosters", "wikidata", "celeba", "release"}
        The invented cohort, roster files, or what a description names.
    people : int
        Size of the invented cohort.
    seed : int
        Seed of the invented cohort.
    rosters, rosters_dir : str
        The list of roster files and the folder that its paths are relative to.
    file : str
        The description of any other source.
    photographs : str
        Folder with the user's own photographs, `web` if they are fetched from the addresses that
        the source gives, empty for none.
    """

    kind: str = "synthetic"
    people: int = 0
    seed: int = 0
    rosters: str = ""
    rosters_dir: str = ""
    file: str = ""
    photographs: str = ""

    def __str__(self) -> str:
        """Describe the source in a few words."""
        if self.kind == "synthetic":
            return f"synthetic cohort of {self.people} (seed {self.seed})"
        photographs = f", photographs {self.photographs}" if self.photographs else ""
        if self.kind != "rosters":
            return f"{self.kind} source {self.file}{photographs}"
        folder = f" in {self.rosters_dir}" if self.rosters_dir else ""
        return f"rosters {self.rosters}{folder}{photographs}"


class Sources(dg.ConfigurableResource[Any]):
    """Where people and their photographs come from, per sub-dataset.

    Parameters
    ----------
    manifest : str
        File that remembers which source a home belongs to.
    athlepersona, celebpersona : SourceConfig
        The source of each sub-dataset.
    """

    manifest: str
    athlepersona: SourceConfig
    celebpersona: SourceConfig

    def config(self, sub: SubDataset) -> SourceConfig:
        """Return the source of a sub-dataset."""
        config: SourceConfig = getattr(self, sub.name)
        return config

    @property
    def folder(self) -> Path:
        """Where sources keep what they fetched."""
        return Path(self.manifest).parent / "sources"

    def bios(self, sub: SubDataset) -> "BioSource":
        """Return the source of a sub-dataset's bios."""
        from personax_assets.bios.sources import RosterSource, SyntheticSource

        config = self.config(sub)
        if config.kind == "synthetic":
            return SyntheticSource(sub, config.people, config.seed)
        if config.kind != "rosters":
            return load_description(Path(config.file)).source(self.folder)
        from personax_assets.bios.rosters import load_rosters

        folder = Path(config.rosters_dir) if config.rosters_dir else None
        return RosterSource(load_rosters(Path(config.rosters), folder))

    @property
    def images(self) -> Path:
        """Where photographs from the web are kept."""
        return Path(self.manifest).parent / "images"

    def fetcher(self, sub: SubDataset) -> "Polite":
        """Return how photographs of a sub-dataset are fetched."""
        from personax_assets.faces.fetching import fetcher

        contact = load_description(Path(self.config(sub).file)).contact
        return fetcher(self.folder / "hosts", contact)

    def photographs(self, sub: SubDataset) -> "SyntheticPortraits | PhotographFolder | None":
        """Return the source of a sub-dataset's photographs; None if there is none."""
        from personax_assets.faces.photographs import PhotographFolder, SyntheticPortraits

        config = self.config(sub)
        if config.kind == "synthetic":
            return SyntheticPortraits(sub.name, config.people, config.seed)
        if not config.photographs:
            return None
        folder = self.images if config.photographs == WEB else Path(config.photographs)
        return PhotographFolder(folder, sub.photographs)

    def claim(self, sub: SubDataset) -> None:
        """Bind the home to this source, for good.

        Raises
        ------
        PersonaXError
            If the home belongs to another source.
        """
        path = Path(self.manifest)
        claimed = read_manifest(path)
        config = self.config(sub)
        check_claim(path, claimed, sub, config)
        if claimed.get(sub.name) != config:
            everything = {**claimed, sub.name: config}
            document = {name: c.model_dump() for name, c in everything.items()}
            temporary = path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(json.dumps(document, indent=2) + "\n")
            temporary.replace(path)


def read_manifest(path: Path) -> dict[str, SourceConfig]:
    """Return the sources that a home belongs to, by sub-dataset; empty for a new home."""
    if not path.exists():
        return {}
    return {name: SourceConfig(**fields) for name, fields in json.loads(path.read_text()).items()}


def check_claim(
    path: Path, claimed: Mapping[str, SourceConfig], sub: SubDataset, wanted: SourceConfig
) -> None:
    """Raise a `PersonaXError` if a home belongs to another source than the one wanted.

    Photographs may come later or from elsewhere: they do not make other people.
    """
    holder = claimed.get(sub.name)
    same = {"photographs": ""}
    if holder is not None and holder.model_copy(update=same) != wanted.model_copy(update=same):
        raise PersonaXError(
            f"home {path.parent}: its {sub.title} holds the {holder}, not the {wanted}; "
            f"set PERSONAX_HOME to another folder for it, for example {path.parent}-2"
        )


class Raters(dg.ConfigurableResource[Any]):
    """Who assesses traits.

    Parameters
    ----------
    file : str
        YAML file that describes the raters.
    journal : str
        SQLite file that keeps every answer.
    ask : {"missing", "failed", "again"}
        Whom to ask: everybody who has no answer, only those whose call failed, or everybody
        once more.
    budget_usd : float, optional
        The most US dollars that one run may spend; by default what the file says.
    calibration_people : int
        People per sub-dataset that the calibration of prompts asks about.
    calibration_repeats : int
        How often it asks each variant of the prompt.
    """

    file: str
    journal: str
    ask: str = "missing"
    budget_usd: float | None = None
    calibration_people: int = 100
    calibration_repeats: int = 3
    _budget: "Budget | None" = PrivateAttr(default=None)
    _servers: "dict[str, SimulatedServer]" = PrivateAttr(default_factory=dict)

    def configs(self) -> "tuple[RaterConfig, ...]":
        """Return the raters in use, in order."""
        return self._read().enabled

    def _read(self) -> "RaterFile":
        from personax_assets.traits.rater_files import read_rater_file

        return read_rater_file(Path(self.file))

    def config(self, name: str) -> "RaterConfig":
        """Return one rater."""
        return next(rater for rater in self.configs() if rater.name == name)

    def limit_usd(self) -> float | None:
        """Return the most that one run may spend; None if it is not limited."""
        return self._read().budget_usd if self.budget_usd is None else self.budget_usd

    def budget(self) -> "Budget | None":
        """Return the budget that all raters of this run share; None if it is not limited."""
        from personax_assets.traits.budget import Budget

        limit = self.limit_usd()
        if self._budget is None and limit is not None:
            self._budget = Budget(limit)
        return self._budget

    def open_journal(self) -> "Journal":
        """Open the journal of answers."""
        from personax_assets.traits.journal import Journal

        return Journal(Path(self.journal))

    def look_at_journal(self) -> "Journal":
        """Open the journal, or an empty one in memory if there is none yet."""
        from personax_assets.traits.journal import Journal

        path = Path(self.journal)
        return Journal(path if path.exists() else Path(":memory:"))

    def simulated(self, sub: SubDataset, source: SourceConfig) -> "SimulatedServer":
        """Return the server of the simulated raters of a sub-dataset, started if need be."""
        from personax_assets.traits.simulated_server import SimulatedServer

        if sub.name not in self._servers:
            faults = self._read().simulated_faults
            server = SimulatedServer({sub.name: source.people}, source.seed, faults)
            server.start()
            self._servers[sub.name] = server
        return self._servers[sub.name]

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Stop the simulated raters with the run."""
        for server in self._servers.values():
            server.stop()
        self._servers.clear()


class Encoders(dg.ConfigurableResource[Any]):
    """What turns crops and texts into vectors.

    Parameters
    ----------
    face, text : str
        Names of the encoders.
    """

    face: str
    text: str

    def encoder(self, modality: str) -> "Encoder":
        """Return the encoder of `face` or `text`."""
        from personax_assets.embeddings import encoder_by_name

        return encoder_by_name(self.face if modality == "face" else self.text)

    def identity(self, modality: str) -> str:
        """Return the encoder of `face` or `text` with its version."""
        from personax_assets.embeddings import identity

        return identity(self.encoder(modality))


class ModelRegistry(dg.ConfigurableResource[Any]):
    """MLflow: where training is tracked and models are registered.

    Parameters
    ----------
    uri : str
        Tracking URI.
    artifacts : str
        Folder for artifacts.
    seed : int
        Seed of training.
    benchmark_images : str
        Folder with the IDX files of the benchmark; without one it is small.
    """

    uri: str
    artifacts: str
    seed: int = 0
    benchmark_images: str = ""

    def tracking(self) -> "Tracking":
        """Return the tracking client."""
        from personax_assets.analysis.tracking import Tracking

        return Tracking(self.uri, Path(self.artifacts))


@dataclass(frozen=True)
class Resources:
    """All resources of a run, by the keys under which Dagster knows them."""

    KEYS: ClassVar[tuple[str, ...]] = ("warehouse", "sources", "raters", "encoders", "models")

    warehouse: Warehouse
    sources: Sources
    raters: Raters
    encoders: Encoders
    models: ModelRegistry

    @classmethod
    def of(cls, context: dg.AssetExecutionContext | dg.OpExecutionContext) -> "Resources":
        """Return the resources of a run."""
        return cls(**{key: getattr(context.resources, key) for key in cls.KEYS})

    @property
    def home(self) -> Path:
        """The folder that holds everything the program writes."""
        return Path(self.warehouse.database).parent
