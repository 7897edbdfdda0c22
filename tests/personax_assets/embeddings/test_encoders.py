import io
import os
import subprocess
import sys
import textwrap
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.linear_model import RidgeCV

from personax_assets.embeddings import (
    Encoder,
    EndpointConfig,
    encoder_by_name,
    expected_embedding_hashes,
    identity,
)
from personax_assets.embeddings.projection import random_signs
from personax_assets.errors import PersonaXError
from personax_assets.faces.crops import process
from personax_assets.faces.photographs import SyntheticPortraits
from personax_ml.synthetic import SIMULATED_RATERS, draw_cohort, person_seed

ROOT = Path(__file__).resolve().parents[3]


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def crops(n: int = 3) -> list[bytes]:
    random = np.random.default_rng(0)
    return [png(random.integers(0, 256, (224, 224, 3), dtype=np.uint8)) for _ in range(n)]


TEXTS = ["Calm and kind.", "Not calm, not kind.", "Kalt, unfreundlich: später!"]
BATCHES = {"pixels": crops(), "ngrams": TEXTS}


@pytest.mark.parametrize("name", BATCHES)
def test_vectors_have_the_promised_form(name: str) -> None:
    encoder = encoder_by_name(name)
    vectors = encoder.embed(BATCHES[name])
    assert vectors.shape == (3, encoder.dim)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert encoder.embed([]).shape == (0, encoder.dim)


@pytest.mark.parametrize("name", BATCHES)
def test_a_vector_depends_on_its_item_alone(name: str) -> None:
    encoder, batch = encoder_by_name(name), BATCHES[name]
    together = encoder.embed(batch)
    alone = np.concatenate([encoder.embed([item]) for item in reversed(batch)])[::-1]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_vectors_are_the_same_in_another_process(threads: str) -> None:
    code = textwrap.dedent("""
        import sys
        from tests.personax_assets.embeddings.test_encoders import BATCHES, encoder_by_name
        for name, batch in BATCHES.items():
            sys.stdout.buffer.write(encoder_by_name(name).embed(batch).tobytes())
    """)
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "PYTHONHASHSEED": threads}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT, env=environment
    )
    there = np.frombuffer(run.stdout, dtype=np.float32).reshape(6, 256)
    here = np.concatenate([encoder_by_name(name).embed(batch) for name, batch in BATCHES.items()])
    np.testing.assert_allclose(there, here, atol=1e-6)


def test_the_projection_is_the_same_everywhere() -> None:
    signs = random_signs("a name", 300, 256)
    assert np.allclose(np.abs(signs), 1 / 16)
    digest = sha256((signs > 0).tobytes()).hexdigest()
    assert digest.startswith("0424d095cf2b6c89")
    assert not np.array_equal(signs, random_signs("another", 300, 256))


def test_the_projection_keeps_distances() -> None:
    random = np.random.default_rng(0)
    points = random.standard_normal((40, 2000))
    projected = points @ random_signs("a name", 2000, 256)
    ratio = np.linalg.norm(projected[:20] - projected[20:], axis=1) / np.linalg.norm(
        points[:20] - points[20:], axis=1
    )
    assert np.abs(ratio - 1).max() < 0.2


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_crops_are_embedded(level: int) -> None:
    blank = png(np.full((224, 224, 3), level, dtype=np.uint8))
    assert np.isfinite(encoder_by_name("pixels").embed([blank])).all()


def test_what_surrounds_a_face_counts_little() -> None:
    random = np.random.default_rng(1)
    face = random.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    other_ground, other_face = face.copy(), face.copy()
    other_ground[:30], other_ground[:, :30], other_ground[:, -30:] = 255, 255, 255
    other_face[90:140, 90:140] = 255
    one, ground, middle = encoder_by_name("pixels").embed(
        [png(face), png(other_ground), png(other_face)]
    )
    assert np.linalg.norm(one - ground) < np.linalg.norm(one - middle)


def test_texts_that_say_the_same_are_near_each_other() -> None:
    one, similar, other = encoder_by_name("ngrams").embed(
        ["They are calm and organised.", "Calm and well organised they are.", "A loud rebel."]
    )
    assert one @ similar > one @ other + 0.3
    assert np.allclose(np.linalg.norm([one, similar, other], axis=1), 1, atol=0.25)


def test_negation_and_repetition_tell() -> None:
    plain, negated, twice = encoder_by_name("ngrams").embed(
        ["not calm but bold", "not bold but calm", "not calm but bold bold"]
    )
    assert np.linalg.norm(plain - negated) > 0.1
    assert np.linalg.norm(plain - twice) > 0.05


def test_a_text_without_words_is_zero() -> None:
    assert not encoder_by_name("ngrams").embed(["", " .,;\n"]).any()


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_any_text_is_embedded(text: str) -> None:
    vectors = encoder_by_name("ngrams").embed([text])
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors) < 1.6


def held_out_r2(vectors: np.ndarray, factors: np.ndarray) -> np.ndarray:
    half = len(vectors) * 3 // 4
    model = RidgeCV(np.logspace(-4, 2, 13)).fit(vectors[:half], factors[:half])
    error = ((factors[half:] - model.predict(vectors[half:])) ** 2).mean(0)
    return 1 - error / factors[half:].var(0)


def test_trait_factors_are_in_the_texts() -> None:
    factors = draw_cohort("celebpersona", 1_200, 11).factors
    traits = [name for name in factors.columns if name.startswith("trait_")]
    rater = SIMULATED_RATERS["chatgpt"]
    texts = [
        "\n".join(
            str(value)
            for key, value in rater.answer(row, person_seed(11, row["source_id"])).items()
            if key.endswith("_text")
        )
        for row in factors.iter_rows(named=True)
    ]
    vectors = encoder_by_name("ngrams").embed(texts)
    assert held_out_r2(vectors, factors.select(traits).to_numpy()).min() > 0.7


def face_recovery(n: int) -> dict[str, float]:
    """How well each face factor can be read off the embedded crops of `n` people."""
    factors = draw_cohort("celebpersona", n, 11).factors
    people = factors.select("source_id", person_id="source_id")
    portraits = SyntheticPortraits("celebpersona", n, 11).photographs(people)
    rows = [process(portrait) for portrait in portraits if portrait.measurement == 1]
    assert {row.status for row in rows} == {"ok"}
    vectors = encoder_by_name("pixels").embed([row.crop for row in rows if row.crop])
    names = [name for name in factors.columns if name.startswith("face_")]
    r2 = held_out_r2(vectors, factors.select(names).to_numpy())
    return dict(zip(names, r2.tolist(), strict=True))


@pytest.mark.slow
def test_skin_and_hair_are_in_the_crops() -> None:
    r2 = face_recovery(120)
    assert r2["face_skin"] > 0.85
    assert r2["face_hair"] > 0.5


@pytest.mark.slow
def test_all_face_factors_are_in_the_crops() -> None:
    assert min(face_recovery(900).values()) > 0.5


class Renamed:
    """An encoder that differs from another one in a single property."""

    def __init__(self, encoder: Encoder, **changes: object) -> None:
        self.name, self.version = encoder.name, encoder.version
        self.dim, self.modality, self.embed = encoder.dim, encoder.modality, encoder.embed
        for key, value in changes.items():
            setattr(self, key, value)


def test_rows_are_embedded_again_when_they_or_the_encoder_change() -> None:
    encoder = encoder_by_name("ngrams")
    rows = pl.DataFrame({"person_id": ["a", "b"], "rater": ["x", "x"], "text": ["calm", "kind"]})
    hashes = [
        expected_embedding_hashes(rows, each)["input_hash"].to_list()
        for each in (
            encoder,
            Renamed(encoder, name="other"),
            Renamed(encoder, version="2"),
            Renamed(encoder, dim=128),
        )
    ]
    assert len({value for each in hashes for value in each}) == 8
    again = expected_embedding_hashes(rows, encoder_by_name("ngrams"))
    assert again["input_hash"].to_list() == hashes[0]
    assert again.drop("input_hash").equals(rows)


def test_crops_are_known_by_their_hash() -> None:
    rows = pl.DataFrame({"person_id": ["a"], "measurement": [1], "input_hash": ["0f"]})
    expected = expected_embedding_hashes(rows, encoder_by_name("pixels"))
    assert expected.columns == rows.columns
    assert expected["input_hash"][0] != "0f"
    nothing = expected_embedding_hashes(rows.clear(), encoder_by_name("pixels"))
    assert nothing.schema == rows.schema


def test_an_encoder_is_known_by_name() -> None:
    assert [identity(encoder_by_name(name)) for name in BATCHES] == ["pixels-1", "ngrams-1"]
    config = EndpointConfig("minilm", "http://127.0.0.1:1/v1", 384)
    assert identity(encoder_by_name("endpoint", config)) == "endpoint-minilm@127.0.0.1"
    with pytest.raises(PersonaXError, match="'clip': there is none; use one of pixels, ngrams"):
        encoder_by_name("clip")


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, personax_assets.embeddings\n"
        "assert not {'openai', 'sklearn', 'scipy', 'PIL', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
