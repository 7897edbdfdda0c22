"""Where the shapes come from."""

from pathlib import Path

import numpy as np
import pytest

from personax_ml.synthetic.variant_mnist import glyph_pool, read_idx
from tests.personax_ml.synthetic.variant_mnist.conftest import write_idx


def grey(images: np.ndarray) -> list[int]:
    return (images[:, 0, 0] * 255).round().astype(int).tolist()


def test_pools_of_a_folder(idx_folder: Path) -> None:
    one = glyph_pool("one", idx_folder)
    assert (grey(one.digits), grey(one.fashion)) == ([65], [55])
    some = glyph_pool("class", idx_folder)
    assert (grey(some.digits), grey(some.fashion)) == ([65, 66], [55, 56, 75, 76, 95, 96])
    everything = glyph_pool("all", idx_folder)
    assert len(everything.digits) == len(everything.fashion) == 20
    assert everything.source == "idx"


def test_several_files_of_a_set_are_read_together(idx_folder: Path) -> None:
    write_idx(idx_folder / "mnist-train-images-idx3-ubyte", np.full((3, 28, 28), 9, np.uint8))
    write_idx(idx_folder / "mnist-train-labels-idx1-ubyte", np.full(3, 6, np.uint8))
    assert grey(glyph_pool("class", idx_folder).digits) == [65, 66, 9, 9, 9]


def test_embedded_pools() -> None:
    pool = glyph_pool("class")
    assert pool.source == "digits"
    assert pool.digits.shape == (181, 28, 28)
    assert pool.fashion.shape[0] == 182 + 179 + 180
    assert pool.digits.min() == 0
    assert 0.99 < pool.digits.max() <= 1
    assert len(glyph_pool("one").digits) == 1
    assert len(glyph_pool("all").digits) == 1797


def test_the_published_files(real_data: Path) -> None:
    folder = real_data / "images"
    if not folder.is_dir():
        pytest.skip(f"no images at {folder}")
    pool = glyph_pool("class", folder)
    assert (len(pool.digits), len(pool.fashion)) == (958, 3000)
    assert len(glyph_pool("all", folder).fashion) == 10_000


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x0d\x01\0\0\0\x01\0", "not an IDX file of unsigned bytes"),
        (b"\0\0\x08\x03\0\0", "header is torn"),
        (b"\0\0\x08\x01\0\0\0\x05abc", r"3 values, its header says \(5,\)"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, data: bytes, complaint: str) -> None:
    path = tmp_path / "bad"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"bad: .*{complaint}"):
        read_idx(path)


def test_a_torn_gzip_file_is_named(idx_folder: Path) -> None:
    path = next(idx_folder.glob("fashion-*images*.gz"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"images-idx3-ubyte\.gz: torn"):
        glyph_pool("class", idx_folder)
    path.write_bytes(b"plain")
    with pytest.raises(ValueError, match=r"images-idx3-ubyte\.gz: torn or not gzipped"):
        glyph_pool("class", idx_folder)


def test_what_is_wrong_with_a_folder_is_said(idx_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pool is 'two'; use one, class or all"):
        glyph_pool("two", idx_folder)  # type: ignore[arg-type]
    write_idx(idx_folder / "mnist-t10k-labels-idx1-ubyte", np.zeros(20, np.uint8))
    with pytest.raises(ValueError, match=r"none of the classes \(6,\)"):
        glyph_pool("class", idx_folder)
    write_idx(idx_folder / "mnist-t10k-labels-idx1-ubyte", np.zeros(19, np.uint8))
    with pytest.raises(ValueError, match=r"the mnist images .* do not go with the labels"):
        glyph_pool("class", idx_folder)
    (idx_folder / "mnist-t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(ValueError, match=r"no file mnist-\*-labels-idx1-ubyte"):
        glyph_pool("class", idx_folder)
