"""Where photographs come from.

Belongs here: the invented cohort's portraits and a user's own folder, as descriptions that are
cheap to make and to send to another process. Does not belong here: what is in them (`crops`).
"""

import json
import os
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import polars as pl

from personax_assets.datasets import LEAGUES, SUB_DATASETS
from personax_assets.errors import PersonaXError
from personax_assets.faces.decoding import MAX_BYTES

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
"""File names that are taken for photographs; what a file holds decides what it is."""

SEPARATOR = "|"
"""Between the file names in the `photograph` column."""


class PhotographSource(Protocol):
    """Gives one photograph's bytes; small and picklable."""

    def load(self) -> bytes:
        """Return the file; an `OSError` tells that it cannot be read."""


@dataclass(frozen=True)
class Photograph:
    """One photograph of one person, not yet loaded.

    Parameters
    ----------
    person_id : str
        The person.
    measurement : int
        Number of the photograph, from 1.
    fingerprint : str
        Changes whenever the picture does.
    source : PhotographSource
        Gives the bytes.
    simulated : bool
        Whether it is drawn.
    """

    person_id: str
    measurement: int
    fingerprint: str
    source: PhotographSource
    simulated: bool


@dataclass(frozen=True)
class DrawnPortrait:
    """A portrait that is drawn when it is needed.

    Parameters
    ----------
    face : Mapping
        The person's face factors.
    photograph : int
        Number of the photograph.
    seed : int
        The person's seed.
    """

    face: Mapping[str, float]
    photograph: int
    seed: int

    def load(self) -> bytes:
        """Draw it."""
        from personax_ml.synthetic.portraits import render_portrait

        return render_portrait(self.face, self.photograph, self.seed)


@dataclass(frozen=True)
class SyntheticPortraits:
    """Drawn portraits of an invented cohort.

    Parameters
    ----------
    dataset : str
        The sub-dataset.
    n : int
        Size of the cohort.
    seed : int
        Seed of the cohort.
    """

    dataset: str
    n: int
    seed: int

    def photographs(self, people: pl.DataFrame) -> list[Photograph]:
        """Return one portrait of each athlete, three of each public figure.

        Parameters
        ----------
        people : DataFrame
            With `person_id` and `source_id`; ids that are not in the cohort have no portrait.
        """
        from personax_ml.synthetic import draw_cohort, person_seed

        factors = draw_cohort(self.dataset, self.n, self.seed).factors
        faces = factors.select("source_id", pl.col("^face_.*$"))
        rows = people.select("person_id", "source_id").join(
            faces, on="source_id", how="inner", maintain_order="left"
        )
        per_person = SUB_DATASETS[self.dataset].photographs
        photographs = []
        for row in rows.iter_rows(named=True):
            person_id, seed = row.pop("person_id"), person_seed(self.seed, row.pop("source_id"))
            for number in range(1, per_person + 1):
                drawing = DrawnPortrait(row, number, seed)
                photographs.append(
                    Photograph(person_id, number, _drawn(drawing), drawing, simulated=True)
                )
        return photographs


def _drawn(portrait: DrawnPortrait) -> str:
    face = sorted(portrait.face.items())
    return _hash(f"{_hand()}/{face}/{portrait.photograph}/{portrait.seed}".encode())


@cache
def _hand() -> str:
    """Return what tells one version of the drawing program from another: what it draws."""
    faces = ({"face_presentation": sign, "face_beard": 1.0, "face_skin": sign} for sign in (-1, 1))
    return _hash(b"".join(DrawnPortrait(face, 1, 0).load() for face in faces))


@dataclass(frozen=True)
class PhotographFile:
    """A file of the user's.

    Parameters
    ----------
    path : Path
        The file.
    """

    path: Path

    def load(self) -> bytes:
        """Read it, but no more than shows that it is too large."""
        if not self.path.is_file():  # a pipe would be waited for
            raise OSError(f"{self.path} is no file")
        with self.path.open("rb") as file:
            return file.read(MAX_BYTES + 1)


@dataclass(frozen=True)
class RefusedFile:
    """A file that the roster names and that is never opened.

    Parameters
    ----------
    name : str
        The name as the roster gives it.
    reason : str
        Why not.
    """

    name: str
    reason: str

    def load(self) -> bytes:
        """Refuse."""
        raise OSError(f"{self.name!r} {self.reason}")


@dataclass(frozen=True)
class PhotographFolder:
    """A folder with the user's own photographs.

    A person's photographs are those that the `photograph` column of the roster names, relative to
    the folder; without it the files named after the source's id: `ID.jpg`, `ID_2.jpg`, ... in
    the folder itself or, where leagues share an id, in a folder per league (`NBA/ID.jpg`).

    Parameters
    ----------
    folder : Path
        The folder.
    per_person : int
        Photographs per person, at most.
    """

    folder: Path
    per_person: int = 3

    def photographs(self, people: pl.DataFrame) -> list[Photograph]:
        """Return the photographs that there are of each person; a missing file is none.

        Parameters
        ----------
        people : DataFrame
            With `person_id`, `source_id`, and where they are known `photograph` and `league`.

        Raises
        ------
        PersonaXError
            If the folder is not there.
        """
        if not self.folder.is_dir():
            raise PersonaXError(
                f"photographs: {self.folder} is not a folder; name the one that holds them"
            )
        try:
            files = {name: _by_stem(self.folder / name) for name in ("", *LEAGUES)}
        except OSError as error:
            raise PersonaXError(
                f"photographs: {error.filename} cannot be listed ({error.strerror}); "
                "check its permissions"
            ) from error
        owners = Counter(people["source_id"].drop_nulls())
        photographs = []
        for row in people.iter_rows(named=True):
            if row.get("photograph"):
                sources = self._named(row["photograph"])
            else:
                folders = [files[league] for league in LEAGUES if league == row.get("league")]
                # A file that two people could claim belongs to neither.
                if owners[row["source_id"]] == 1:
                    folders.append(files[""])
                sources = _after_id(row["source_id"], folders, owners, self.per_person)
            photographs += [
                Photograph(row["person_id"], number, _fingerprint(source), source, simulated=False)
                for number, source in sources
                if number <= self.per_person
            ]
        return photographs

    def _named(self, names: str) -> Iterator[tuple[int, PhotographSource]]:
        root = self.folder.resolve()
        listed = (name.strip() for name in names.split(SEPARATOR))
        for number, name in enumerate(filter(None, listed), start=1):
            try:
                path = (root / name).resolve()
                if not path.is_relative_to(root):
                    yield number, RefusedFile(name, "lies outside the folder of photographs")
                elif path.is_file():
                    yield number, PhotographFile(path)
            except (OSError, RuntimeError, ValueError):
                yield number, RefusedFile(name, "is no file name")


_SOURCES = {kind.__name__: kind for kind in (DrawnPortrait, PhotographFile, RefusedFile)}


def described(photographs: Sequence[Photograph]) -> pl.DataFrame:
    """Return photographs as a table, for a process elsewhere that sees the same files."""
    rows = [
        {
            "person_id": photograph.person_id,
            "measurement": photograph.measurement,
            "fingerprint": photograph.fingerprint,
            "simulated": photograph.simulated,
            "kind": type(photograph.source).__name__,
            "source": json.dumps(vars(photograph.source), default=str),
        }
        for photograph in photographs
    ]
    kinds = {"measurement": pl.Int64, "simulated": pl.Boolean}
    names = ("person_id", "measurement", "fingerprint", "simulated", "kind", "source")
    return pl.DataFrame(rows, {name: kinds.get(name, pl.String) for name in names})


def undescribed(rows: pl.DataFrame) -> list[Photograph]:
    """Return the photographs that `described` made a table of."""
    photographs = []
    for row in rows.iter_rows(named=True):
        fields = json.loads(row.pop("source"))
        if "path" in fields:
            fields["path"] = Path(fields["path"])
        photographs.append(Photograph(source=_SOURCES[row.pop("kind")](**fields), **row))
    return photographs


def folder_fingerprint(folder: str | Path) -> str:
    """Return what changes whenever a file in the folder does, without opening any."""
    files = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with suppress(OSError):  # gone since it was listed
                state = path.stat()
                files.append((str(path), state.st_size, state.st_mtime_ns))
    return _hash(repr(sorted(files)).encode())


def _after_id(
    source_id: str | None,
    folders: Sequence[Mapping[str, Path]],
    owners: Collection[str],
    per_person: int,
) -> Iterator[tuple[int, PhotographSource]]:
    """Find the files named after an id, by number; the folders in order of preference."""
    if source_id is None:
        return
    for number in range(1, per_person + 1):
        stems = [f"{source_id}_{number}"] if number > 1 else [source_id, f"{source_id}_1"]
        # `7_2` is the second photograph of 7 unless somebody's id is `7_2`.
        mine = [_nfc(stem) for stem in stems if stem == source_id or stem not in owners]
        found = [folder[stem] for folder in folders for stem in mine if stem in folder]
        if found:
            yield number, PhotographFile(found[0])


def _by_stem(folder: Path) -> dict[str, Path]:
    """Return the photographs in a folder by file name without suffix; the first of each."""
    if not folder.is_dir():
        return {}
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return {_nfc(path.stem): path for path in reversed(files)}


def _nfc(name: str) -> str:
    """Compose accents: file systems differ in how they store them."""
    return unicodedata.normalize("NFC", name)


def _fingerprint(source: PhotographSource) -> str:
    try:
        return _hash(source.load())
    except OSError as error:
        return _hash(f"unreadable: {error}".encode())


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
