"""Fixtures that every test may use."""

import os
from pathlib import Path

import hypothesis
import pytest

# a test must not fail because the machine is busy
hypothesis.settings.register_profile("steady", deadline=None)
hypothesis.settings.load_profile("steady")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with real input data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("PERSONAX_TEST_DATA") or REPOSITORY / "../shared/data").resolve()
    if not folder.is_dir():
        pytest.skip(f"no real input data at {folder}; set PERSONAX_TEST_DATA")
    return folder
