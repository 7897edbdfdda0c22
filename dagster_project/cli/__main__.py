"""Lets `python -m dagster_project.cli` stand for `personax`."""

import sys

from dagster_project.cli.main import main

sys.exit(main())
