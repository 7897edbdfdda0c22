"""What `dagster dev` loads."""

from dagster_project.build import build_definitions

defs = build_definitions()
