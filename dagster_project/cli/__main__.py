"""Lets `python -m dagster_project.cli` stand for `personax`."""

from dagster_project.cli.main import entry

entry()
