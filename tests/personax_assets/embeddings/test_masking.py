import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from personax_assets.embeddings import mask_name
from personax_assets.embeddings.masking import MASK


@pytest.mark.parametrize(
    ("text", "name", "masked"),
    [
        ("Zoë Müller is calm.", "Zoë Müller", "_ is calm."),
        ("MÜLLER's calm; Muller laughs.", "Zoë Müller", "_ calm; _ laughs."),
        ("Luka Doncic, or DONČIĆ.", "Luka Dončić", "_, or _."),
        ("Zoe\u0308 smiles", "Zo\u00eb Li", "_ smiles"),
        ("Odegaard and Ødegaard", "Martin Ødegaard", "_ and _"),
        ("Gundogan plays", "İlkay Gündoğan", "_ plays"),
        ("J. R. Oak, or Oak, or J. Oak.", "J. R. Oak", "_, or _, or _."),
        ("L. James leads; I like James.", "LeBron James", "_ leads; I like _."),
        ("O'Neal’s temper, O’Neal.", "Shaquille O'Neal", "_ temper, _."),
        ("Karl-Anthony Towns; Towns", "Karl-Anthony Towns", "_; _"),
        ("Robert Downey, Jr. plays", "Robert Downey Jr.", "_. plays"),
        ("(Oak)", "J. R. Oak", "(_)"),
        ("姚明是中锋", "姚明", "_是中锋"),
    ],
)
def test_names_are_masked(text: str, name: str, masked: str) -> None:
    assert mask_name(text, name) == masked.replace("_", MASK)


@pytest.mark.parametrize(
    ("text", "name", "masked"),
    [
        ("Ana likes bananas.", "Ana Li", "_ likes bananas."),
        ("Li is there, li is not a word.", "Ana Li", "_ is there, li is not a word."),
        ("a van for Virgil van Dijk", "Virgil van Dijk", "a van for _"),
        ("of the hour", "The Man of Steel", "of the hour"),
        ("a Jr. and I", "Robert Downey Jr.", "a Jr. and I"),
        ("No name here.", "", "No name here."),
        ("(a+b) stays", "(a+b) c", "(a+b) stays"),
        ("", "Ana Li", ""),
    ],
)
def test_other_words_stay(text: str, name: str, masked: str) -> None:
    assert mask_name(text, name) == masked.replace("_", MASK)


NAME = st.from_regex(re.compile(r"[A-ZÀ-Ö][a-zß-ö]{3,9}"), fullmatch=True)


@given(
    st.lists(NAME, min_size=1, max_size=3), st.sampled_from(["{}", "{}'s", "({})", '"{}"', "{}."])
)
def test_no_part_of_a_name_remains(parts: list[str], frame: str) -> None:
    words = ["they", "say", *(frame.format(part) for part in parts), "is", "calm"]
    assume(not {part.lower() for part in parts} & {MASK, "they", "calm"})
    masked = mask_name(" ".join(words), " ".join(parts)).lower()
    assert masked.startswith("they say")
    assert masked.endswith("is calm")
    assert not {part.lower() for part in parts} & set(re.findall(r"\w+", masked))


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_text_and_any_name_are_survived(text: str, name: str) -> None:
    assert isinstance(mask_name(text, name), str)


@given(st.lists(st.sampled_from(["calm", "bold", "and", "of", "the"]), max_size=8))
def test_texts_without_the_name_stay_as_they_are(words: list[str]) -> None:
    assert mask_name(" ".join(words), "Virgil van der Oak") == " ".join(words)
