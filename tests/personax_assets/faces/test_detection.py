import numpy as np
import pytest
from PIL import Image

from personax_assets.faces.detection import Box, detect
from tests.personax_assets.faces.pictures import astronaut, portrait


def test_the_astronaut_has_one_face() -> None:
    (box,) = detect(np.asarray(astronaut()))
    eyes_and_mouth = [(205, 110), (245, 110), (225, 150)]
    for x, y in eyes_and_mouth:
        assert box.left < x < box.left + box.size
        assert box.top < y < box.top + box.size
    assert 80 < box.size < 140


def test_boxes_are_in_pixels_of_the_photograph() -> None:
    small, large = astronaut(), astronaut().resize((2048, 2048))
    (box,), (scaled,) = detect(np.asarray(small)), detect(np.asarray(large))
    assert np.allclose(np.array(scaled) / 4, box, atol=8)


@pytest.mark.parametrize("seed", range(5))
def test_drawn_portraits_have_one_face(seed: int) -> None:
    (box,) = detect(np.asarray(portrait(seed)))
    assert abs(box.left + box.size / 2 - 120) < 20
    assert abs(box.top + box.size / 2 - 125) < 20


def test_two_people_are_two_faces_the_larger_first() -> None:
    picture = Image.new("RGB", (480, 240), "white")
    picture.paste(portrait(1).resize((180, 180)), (20, 40))
    picture.paste(portrait(2), (240, 0))
    large, small = detect(np.asarray(picture))
    assert large.left > 240 > small.left + small.size
    assert large.size > small.size


def test_real_faces_of_low_resolution_are_found() -> None:
    """The 100 faces of 25 x 25 pixels that ship with scikit-image, enlarged, in a grey frame."""
    from skimage.data import lfw_subset

    found = 0
    for face in (lfw_subset()[:100] * 255).astype(np.uint8):
        picture = Image.new("L", (240, 240), 128)
        picture.paste(Image.fromarray(face).resize((120, 120), Image.Resampling.BICUBIC), (60, 60))
        found += len(detect(np.asarray(picture.convert("RGB")))) == 1
    assert found >= 95


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 500), (23, 23), (24, 24), (25, 25), (2000, 30), (300, 200), (40, 6000)]
)
def test_blank_pictures_of_any_shape_have_no_face(shape: tuple[int, int]) -> None:
    assert detect(np.full((*shape, 3), 200, dtype=np.uint8)) == []


def test_noise_has_no_face() -> None:
    random = np.random.default_rng(3)
    for _ in range(3):
        assert detect(random.integers(0, 256, (240, 240, 3), dtype=np.uint8)) == []


def test_detection_is_repeatable() -> None:
    pixels = np.asarray(portrait(3))
    assert detect(pixels) == detect(pixels.copy())


def test_a_box_holds_another_whose_middle_is_in_it() -> None:
    assert Box(0, 0, 10).holds(Box(4, 4, 10))
    assert not Box(0, 0, 10).holds(Box(6, 4, 10))
