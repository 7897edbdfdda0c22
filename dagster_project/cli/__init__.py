"""The `personax` command.

Belongs here: one module per command and what they share. Does not belong here: work that could
not also be launched from the Dagster UI.
"""

from dagster_project.cli.main import entry

__all__ = ["entry"]
