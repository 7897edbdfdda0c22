import pytest
from hypothesis import given
from hypothesis import strategies as st

from personax_assets.embeddings import mask_name


@pytest.mark.parametrize(
    ("text", "name", "masked"),
    [
        ("Zoë Müller is calm.", "Zoë Müller", "someone is calm."),
        ("MÜLLER's calm; Muller laughs.", "Zoë Müller", "someone calm; someone laughs."),
        ("Ana likes bananas.", "Ana Li", "someone likes bananas."),
        ("J. R. Oak, or Oak, is kind.", "J. R. Oak", "J. R. someone, or someone, is kind."),
        ("O'Neal’s temper.", "Shaquille O'Neal", "someone temper."),
        ("No name here.", "", "No name here."),
        ("(a+b) stays", "(a+b) c", "someone stays"),
    ],
)
def test_names_are_masked(text: str, name: str, masked: str) -> None:
    assert mask_name(text, name) == masked


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_text_and_any_name_are_survived(text: str, name: str) -> None:
    assert isinstance(mask_name(text, name), str)
