import stat
from pathlib import Path

import pytest

from personax_assets.errors import PersonaXError
from personax_assets.release.keys import FILE, VARIABLE, ReleaseKey, release_key

SECRET = "f" * 64


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_a_home_makes_its_key_once_for_its_owner_alone(tmp_path: Path) -> None:
    first = release_key(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert release_key(tmp_path).secret == first.secret
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    release_key(tmp_path)
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(PersonaXError, match="chmod 600"):
        release_key(tmp_path)


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    assert release_key(tmp_path).secret == SECRET.encode()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["", "short", " " * 40])
def test_a_short_key_is_refused_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(PersonaXError, match="at least 32 characters") as raised:
        release_key(tmp_path)
    assert not value.strip() or value not in str(raised.value)


def test_ids_depend_on_key_and_purpose_and_the_key_is_never_shown() -> None:
    key = ReleaseKey(SECRET.encode())
    people = ["a", "b"]
    assert key.ids(people) == key.ids(people)
    other = {tuple(k.ids(people)) for k in (key, key.derive("x"), ReleaseKey(b"0" * 32))}
    assert len(other) == 3
    assert SECRET not in repr(key)
    assert (key.generator("x").random(3) == key.generator("x").random(3)).all()
    assert (key.generator("x").random(3) != key.generator("y").random(3)).all()
