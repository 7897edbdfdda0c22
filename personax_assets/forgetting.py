"""Erasing one person from a home's tables, answers and photographs.

Belongs here: what there is of a person, and taking it away. Does not belong here: the list that
keeps the person from coming back (`bios.forgotten`), files of other programs and the command line
(`dagster_project.forgetting`), or making anew what was made from the person: its stages are stale
afterwards, as after any other change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from personax_assets.bios.cleaning import person_ids
from personax_assets.bios.text import folded_name
from personax_assets.datasets import SubDataset
from personax_assets.erasure import INSTEAD, Words
from personax_assets.errors import PersonaXError
from personax_assets.resources import Resources
from personax_assets.schemas.level1 import PAIR
from personax_assets.stage import Layout, Stage
from personax_assets.warehouse import Transaction

_SHORTEST = 6
"""Letters of the shortest name that is looked for in running text."""


@dataclass(frozen=True)
class Person:
    """Who is to be forgotten.

    Parameters
    ----------
    sub : SubDataset
        Where the person belongs.
    person_id : str
        The id.
    names : tuple of str
        Every name that the person is known to have had.
    namesakes : frozenset of str
        Those of the names that somebody else has, too, alone or as part of a longer one.
    since : datetime, optional
        Since when anything could have been learned from the person's data: the first answer or
        photograph, else the first version of the bio.
    records : tuple of str
        `record_id` of the source's rows about the person, and of those that name the person and
        belong to nobody.
    rows : tuple of str
        These rows as the source gave them.
    """

    sub: SubDataset
    person_id: str
    names: tuple[str, ...]
    namesakes: frozenset[str] = frozenset()
    since: datetime | None = None
    records: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()

    @property
    def words(self) -> Words:
        """What may stand nowhere any more: the id, and names that are nobody else's.

        A name of one word may be anything else in running text; it goes with its rows alone.
        """
        names = [n for n in self.names if n not in self.namesakes and _is_telling(n)]
        return Words((self.person_id, *names))


def _is_telling(name: str) -> bool:
    return len(name) >= _SHORTEST and " " in name.strip()


@dataclass(frozen=True)
class Traces:
    """What there is of a person.

    Parameters
    ----------
    tables : mapping of str to int
        Rows, by table.
    calls : int
        Calls to raters in the journal.
    photographs : tuple of str
        Files in `images/` that nobody else has.
    """

    tables: Mapping[str, int] = field(default_factory=dict)
    calls: int = 0
    photographs: tuple[str, ...] = ()


def find_person(resources: Resources, subs: Sequence[SubDataset], person_id: str) -> Person | None:
    """Return a person by the id; None if no table knows it."""
    for sub in subs:
        history = f"{sub.name}.bios_history"
        if not resources.warehouse.exists(history):
            continue
        versions = resources.warehouse.query(
            f"SELECT name, valid_from FROM {history} WHERE person_id = ?", (person_id,)
        )
        if versions.is_empty():
            continue
        known = versions["name"].drop_nulls().unique().to_list()
        raw = _raw_rows(resources, sub, person_id, known)
        names = tuple(sorted({*known, *raw["name"].drop_nulls()}))
        return Person(
            sub, person_id, names, _namesakes(resources, subs, person_id, names),
            _since(resources, sub, person_id) or min(versions["valid_from"].to_list()),
            tuple(raw["record_id"]), tuple(raw["raw"].drop_nulls()),
        )  # fmt: skip
    return None


def _raw_rows(
    resources: Resources, sub: SubDataset, person_id: str, names: Sequence[str]
) -> pl.DataFrame:
    """Return `record_id, name, raw` of the rows about a person, or about nobody, of that name."""
    from personax_assets.schemas.people import raw_bios

    rows = resources.warehouse.read(sub.table("raw_bios"), raw_bios(sub))
    if rows.is_empty():
        return rows.select("record_id", "name", "raw")
    owned = rows.with_columns(
        person_ids(rows, sub), folded_name(pl.col("name").str.strip_chars()).alias("folded")
    )
    people = resources.warehouse.query(f"SELECT DISTINCT person_id FROM {sub.name}.bios_history")
    folded = pl.DataFrame({"name": names}, schema={"name": pl.String}).select(
        folded_name(pl.col("name"))
    )["name"]
    nobodys = ~pl.col("person_id").is_in(people["person_id"].implode())
    mine = (pl.col("person_id") == person_id) | (nobodys & pl.col("folded").is_in(folded.implode()))
    return owned.filter(mine.fill_null(False)).select("record_id", "name", "raw")


def _namesakes(
    resources: Resources, subs: Sequence[SubDataset], person_id: str, names: Sequence[str]
) -> frozenset[str]:
    found: set[str] = set()
    for sub in subs:
        if resources.warehouse.exists(sub.table("bios_history")):
            others = resources.warehouse.query(
                f"SELECT DISTINCT name FROM {sub.name}.bios_history WHERE person_id <> ? "
                "AND name IS NOT NULL",
                (person_id,),
            )["name"].to_list()
            found.update(name for name in names if any(name in other for other in others))
    return frozenset(found)


def _since(resources: Resources, sub: SubDataset, person_id: str) -> datetime | None:
    """Return when the first answer about a person, or a photograph, arrived."""
    tables = _tables(resources)
    moments = [
        f'SELECT min({column}) AS at FROM {schema}."{table}" WHERE person_id = $1'
        for (schema, table), columns in tables.items()
        for column in ("rated_at", "fetched_at")
        if schema == sub.name and {"person_id", column} <= columns
    ]
    if not moments:
        return None
    every = resources.warehouse.query(" UNION ALL ".join(moments), (person_id,))
    first: datetime | None = every["at"].min()  # type: ignore[assignment]
    return first


def _tables(resources: Resources) -> dict[tuple[str, str], set[str]]:
    """Return the columns of every table, by schema and name."""
    found = resources.warehouse.query(
        "SELECT schema_name, table_name, list(column_name) FROM duckdb_columns() "
        "WHERE NOT internal GROUP BY ALL ORDER BY ALL"
    )
    return {(schema, table): set(columns) for schema, table, columns in found.iter_rows()}


def traces_of(resources: Resources, person: Person) -> Traces:
    """Count what there is of a person."""
    tables = {}
    with resources.warehouse.transaction() as transaction:
        for table, where, parameters in _conditions(resources, person):
            sql = f"SELECT count(*) AS n FROM {table} WHERE {where}"
            if n := int(transaction.query(sql, parameters)["n"][0]):
                tables[table] = n
    with resources.raters.look_at_journal() as journal:
        calls = journal.calls_about(person.person_id)
    return Traces(tables, calls, _photographs(resources, person))


def _conditions(resources: Resources, person: Person) -> list[tuple[str, str, tuple[object, ...]]]:
    """Return which rows of which table are the person's: table, condition, parameters."""
    conditions: list[tuple[str, str, tuple[object, ...]]] = []
    forms = list(person.words.forms)
    for (schema, name), columns in _tables(resources).items():
        table = f'{schema}."{name}"'
        if {"person_id", "named"} <= columns:  # somebody else's prompt may tell the name
            where = "person_id = ? OR named = ?"
            conditions.append((table, where, (person.person_id, person.person_id)))
        elif "person_id" in columns:
            conditions.append((table, "person_id = ?", (person.person_id,)))
        elif "record_id" in columns and schema == person.sub.name:
            where = "list_contains(?::VARCHAR[], record_id)"
            conditions.append((table, where, (list(person.records),)))
        elif "raw_row" in columns and name.startswith(f"{person.sub.name}_"):
            where = (
                "list_contains(?::VARCHAR[], raw_row) "
                "OR len(list_filter(?::VARCHAR[], lambda w: contains(raw_row, w))) > 0 "
                "OR len(list_filter(?::VARCHAR[], lambda w: contains(reason, w))) > 0"
            )
            conditions.append((table, where, (list(person.rows), forms, forms)))
    return conditions


def _photographs(resources: Resources, person: Person) -> tuple[str, ...]:
    """Return the person's files in `images/` that are nobody else's."""
    mine: set[str] = set()
    others: set[str] = set()
    for (schema, table), columns in _tables(resources).items():
        if not {"person_id", "file"} <= columns:
            continue
        rows = resources.warehouse.query(
            f'SELECT file, person_id = ? AS mine FROM {schema}."{table}" WHERE file IS NOT NULL',
            (person.person_id,),
        )
        mine.update(rows.filter("mine")["file"])
        others.update(rows.filter(~pl.col("mine"))["file"])
    return tuple(sorted(mine - others))


def rejected_rows(resources: Resources, person: Person) -> tuple[str, ...]:
    """Return rejected rows of the source that name the person, as the source gave them."""
    rows: set[str] = set()
    for table, where, parameters in _conditions(resources, person):
        if table.startswith("quarantine."):
            found = resources.warehouse.query(
                f"SELECT raw_row FROM {table} WHERE raw_row IS NOT NULL AND ({where})", parameters
            )
            rows.update(found["raw_row"])
    return tuple(sorted(rows))


def erase_answers(resources: Resources, person: Person) -> None:
    """Take what raters were asked and said about a person out of the journal."""
    if Path(resources.raters.journal).exists():
        with resources.raters.open_journal() as journal:
            journal.forget(person.person_id, person.words)


def erase_photographs(resources: Resources, files: Sequence[str]) -> None:
    """Delete files in `images/`."""
    for name in files:
        (resources.sources.images / name).unlink(missing_ok=True)


def erase_rows(resources: Resources, stages: Sequence[Stage], person: Person) -> None:
    """Take a person out of all tables, in one transaction.

    Contingency tables are counted without the person, and tests of pairs whose counts changed are
    deleted, to be made again. Stages are told what their tables hold now, so that everything made
    from them is stale.
    """
    conditions = _conditions(resources, person)
    columns = resources.warehouse.query(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns "
        "WHERE data_type = 'VARCHAR' AND table_schema <> 'information_schema' ORDER BY ALL"
    )
    layout = next(s.layout for s in stages if s.layout.subs == (person.sub,))
    with resources.warehouse.transaction() as transaction:
        _count_without(transaction, layout, person)
        for table, where, parameters in conditions:
            transaction.execute(f"DELETE FROM {table} WHERE {where}", parameters)
        for (schema, table), group in columns.group_by("table_schema", "table_name"):
            names = group["column_name"].to_list()
            _take_words_out(transaction, f'{schema}."{table}"', names, person.words)
        _restate(transaction, stages)


def _count_without(transaction: Transaction, layout: Layout, person: Person) -> None:
    """Take a person out of the contingency tables of Level I."""
    from personax_assets.analysis.counting import Counted, recounted

    tables = {
        name: (layout.table(name), layout.tables[name])
        for name in ("independence_people", "independence_counts")
    }
    there = transaction.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = ?", (layout.name,)
    )["table_name"].to_list()
    if not tables.keys() <= set(there):
        return
    people, counts = (transaction.query(f"FROM {table}") for table, _ in tables.values())
    if set(people.columns) != set(tables["independence_people"][1].column_names):
        raise PersonaXError(
            f"{layout.table('independence_people')}: was made with other raters than those that "
            "are configured now; set PERSONAX_PROFILE and PERSONAX_RATERS as for the runs of this "
            "home, then give the same command"
        )
    people, counts = (
        frame.select(schema.column_names)
        for frame, (_, schema) in zip((people, counts), tables.values(), strict=True)
    )
    rest = people.filter(pl.col("person_id") != person.person_id)
    if rest.height == people.height:
        return
    now, changed = recounted(Counted(people, counts), rest, person.sub, layout.raters)
    for frame, (table, schema) in zip((now.people, now.counts), tables.values(), strict=True):
        transaction.replace(schema, table, frame)
    if "independence_tests" in there:
        tests = layout.table("independence_tests")
        same = " AND ".join(f"{name} = ?" for name in PAIR)
        for pair in changed or ():
            transaction.execute(f"DELETE FROM {tests} WHERE {same}", pair)
        if changed is None:
            transaction.execute(f"DELETE FROM {tests}")


def _take_words_out(
    transaction: Transaction, table: str, columns: Sequence[str], words: Words
) -> None:
    """Write something else wherever a cell of a table holds one of the words."""
    forms = list(words.forms)
    for column in columns:
        found = f'len(list_filter(?::VARCHAR[], lambda w: contains("{column}", w))) > 0'
        if transaction.query(f"SELECT 1 FROM {table} WHERE {found} LIMIT 1", (forms,)).is_empty():
            continue
        for form in forms:
            transaction.execute(
                f'UPDATE {table} SET "{column}" = replace("{column}", ?, ?) '
                f'WHERE contains("{column}", ?)',
                (form, INSTEAD, form),
            )


def _restate(transaction: Transaction, stages: Sequence[Stage]) -> None:
    """Tell each stage what its table holds now."""
    known = transaction.query("SELECT asset, data_version FROM personax.stages")
    stored = transaction.query(
        "SELECT schema_name || '.' || table_name, list(column_name) FROM duckdb_columns() "
        "GROUP BY ALL"
    )
    columns = {table: set(names) for table, names in stored.iter_rows()}
    versions: dict[str, str | None] = dict(known.iter_rows())
    for stage in stages:
        before = versions.get(stage.key)
        table = stage.layout.table(stage.name)
        if stage.schema is None or before in (None, "none"):
            continue
        if columns.get(table) != set(stage.schema.column_names):
            continue  # made by another version of the program, so its stage is stale anyway
        rows, version = transaction.version(stage.schema, table)
        if version != before:
            transaction.restate(stage.key, rows, version)
