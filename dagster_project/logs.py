"""Logs that a machine reads: one JSON object per line, if `PERSONAX_LOG=json`.

Belongs here: the form of a line, and who writes it. Does not belong here: what is worth saying.
"""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from personax_assets.errors import PersonaXError
from personax_assets.progress import LogObserver, install

if TYPE_CHECKING:
    from personax_assets.warehouse import StageRecord

_LOGGER = "personax"
_FIELDS = "personax_fields"


def is_structured() -> bool:
    """Tell whether logs are to be JSON.

    Raises
    ------
    PersonaXError
        If `PERSONAX_LOG` asks for something else.
    """
    form = os.environ.get("PERSONAX_LOG") or "text"
    if form not in ("text", "json"):
        raise PersonaXError(f"PERSONAX_LOG: {form!r} is neither text nor json")
    return form == "json"


class JsonLines(logging.Formatter):
    """One JSON object per line: time, level, message, and what else is known."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class StructuredObserver(LogObserver):
    """Writes how stages begin, go on and end, with the figures as fields."""

    def stage_started(self, asset: str) -> None:
        """Write that a stage begins."""
        _say("stage started", stage=asset)

    def stage_ended(self, record: "StageRecord") -> None:
        """Write how a stage ended."""
        _say(
            "stage ended",
            logging.INFO if record.status in ("ok", "skipped") else logging.ERROR,
            stage=record.asset,
            status=record.status,
            reason=record.reason,
            rows=record.rows,
            seconds=round(record.seconds, 3),
            run_id=record.run_id,
            counts=dict(record.counts),
        )

    def noted(self, sentence: str) -> None:
        """Write a sentence."""
        _say(sentence)


def _say(message: str, level: int = logging.INFO, **fields: object) -> None:
    logging.getLogger(_LOGGER).log(level, message, extra={_FIELDS: fields})


def write_json_lines(stream: TextIO | None = None) -> None:
    """Write everything that this process says from now on as JSON lines.

    Parameters
    ----------
    stream : TextIO, optional
        Where to; by default a copy of standard error, because Dagster redirects that one while a
        step runs.
    """
    handler = logging.StreamHandler(stream or os.fdopen(os.dup(sys.stderr.fileno()), "w"))
    handler.setFormatter(JsonLines())
    logger = logging.getLogger(_LOGGER)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    install(StructuredObserver())
