"""Portraits: reproducible pictures in which the real detector finds one face."""

import hashlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from personax_ml.synthetic import draw_cohort, person_seed, planted_latents, render_portrait
from personax_ml.synthetic.portraits import PHOTOGRAPH_NOISE, SIZE
from tests.personax_ml.synthetic.test_cohort import in_a_fresh_process

DATASETS = ("athlepersona", "celebpersona")
SEED = 6
DIGEST = """
import hashlib
from personax_ml.synthetic import render_portrait
print(hashlib.sha256(render_portrait({"face_skin": 0.5}, 2, 99)).hexdigest())
"""


def people(dataset, n, seed=SEED):
    return list(draw_cohort(dataset, n, seed).factors.iter_rows(named=True))


def pixels(png):
    return np.asarray(Image.open(BytesIO(png)), dtype=float)


def photograph(person, number=1):
    return pixels(render_portrait(person, number, person_seed(SEED, person["source_id"])))


@pytest.fixture(scope="module")
def detector():
    from skimage import data
    from skimage.feature import Cascade

    cascade = Cascade(data.lbp_frontal_face_cascade_filename())

    def find(picture):
        return cascade.detect_multi_scale(
            picture.astype(np.uint8),
            scale_factor=1.2,
            step_ratio=1,
            min_size=(100, 100),
            max_size=(SIZE, SIZE),
        )

    return find


def test_a_portrait_is_a_png_of_the_stated_size():
    png = render_portrait({}, 1, 1)
    picture = Image.open(BytesIO(png))
    picture.verify()
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (SIZE, SIZE))


def test_the_same_bytes_in_every_process():
    here = hashlib.sha256(render_portrait({"face_skin": 0.5}, 2, 99)).hexdigest()
    assert in_a_fresh_process(DIGEST).strip() == here


def test_portraits_are_small_files():
    sizes = [
        len(render_portrait(person, 1, i))
        for d in DATASETS
        for i, person in enumerate(people(d, 30))
    ]
    assert max(sizes) < 48_000


def test_only_the_face_is_seen():
    person = people("celebpersona", 1)[0]
    face = {k: v for k, v in person.items() if k.startswith("face_")}
    assert render_portrait(person, 1, 5) == render_portrait(face, 1, 5)


def test_photographs_of_a_person_differ_but_less_than_people_do():
    cast = people("celebpersona", 12)
    shots = np.array([[photograph(p, j)[60:200, 60:180].ravel() for j in (1, 2, 3)] for p in cast])
    same = [np.abs(s[a] - s[b]).mean() for s in shots for a, b in ((0, 1), (0, 2), (1, 2))]
    other = [np.abs(a[0] - b[0]).mean() for i, a in enumerate(shots) for b in shots[:i]]
    assert min(same) > 4.0
    assert np.mean(same) < 0.7 * np.mean(other)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_planted_factor_changes_the_picture(dataset):
    for latent in (name for name in planted_latents(dataset) if name.startswith("face_")):
        low, high = (pixels(render_portrait({latent: v}, 1, 3)) for v in (-1.5, 1.5))
        changed = np.abs(high - low).max(axis=2) > 12
        assert changed.sum() > 150, latent


def test_factors_far_out_are_drawn_too():
    for value in (-1e3, 1e3):
        extreme = dict.fromkeys(people("celebpersona", 1)[0], value)
        assert pixels(render_portrait(extreme, 1, 0)).shape == (SIZE, SIZE, 3)


def test_a_photograph_shows_a_factor_with_an_error():
    assert 0 < PHOTOGRAPH_NOISE < 0.5
    skin = [pixels(render_portrait({}, j, 8))[130:140, 90:100].mean() for j in range(1, 9)]
    assert np.std(skin) > 0.5


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_real_detector_finds_one_face(dataset, detector):
    found = [len(detector(photograph(person))) for person in people(dataset, 60)]
    assert max(found) == 1
    assert np.mean(found) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_the_real_detector_finds_nearly_everyone(dataset, detector):
    cast = people(dataset, 400)
    found = [len(detector(photograph(p, 1 + i % 3))) for i, p in enumerate(cast)]
    assert np.mean(np.array(found) == 1) >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_planted_factors_are_read_back_from_the_face(dataset, detector):
    """Ridge regression on pixels and gradients of the detected face, scored held out."""
    from skimage.feature import hog

    rows, features = [], []
    for person in people(dataset, 1_500):
        picture = photograph(person)
        for box in detector(picture)[:1]:
            margin = 0.15 * box["width"]
            edges = (box["c"] - margin, box["r"] - margin)
            face = Image.fromarray(picture.astype(np.uint8)).transform(
                (112, 112),
                Image.Transform.EXTENT,
                (*edges, edges[0] + 1.3 * box["width"], edges[1] + 1.3 * box["width"]),
                Image.Resampling.BILINEAR,
            )
            small = np.asarray(face.resize((40, 40)), dtype=float).ravel() / 510
            gradients = hog(np.asarray(face.convert("L")), 8, (8, 8), (2, 2))
            rows.append(person)
            features.append(np.concatenate([small, gradients]))
    X, fit = np.array(features), int(0.75 * len(rows))
    X -= X[:fit].mean(axis=0)
    gram = X @ X.T
    for latent in (name for name in planted_latents(dataset) if name.startswith("face_")):
        y = np.array([row[latent] for row in rows])
        weights = np.linalg.solve(gram[:fit, :fit] + 3 * np.eye(fit), y[:fit] - y[:fit].mean())
        residual = y[fit:] - y[:fit].mean() - gram[fit:, :fit] @ weights
        assert 1 - residual.var() / y[fit:].var() > 0.6, latent
