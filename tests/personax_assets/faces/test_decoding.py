import struct
import subprocess
import sys
import textwrap
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from personax_assets.faces.decoding import MAX_BYTES, MAX_PIXELS, Pixels, Refusal, decode
from personax_assets.schemas.faces import PHOTOGRAPH_STATUSES
from tests.personax_assets.faces.pictures import encoded, gradient, png

PICTURE = Image.fromarray(gradient())


def decoded(data: bytes) -> Pixels:
    pixels = decode(data)
    assert not isinstance(pixels, Refusal), pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    return pixels


def refused(data: bytes) -> Refusal:
    refusal = decode(data)
    assert isinstance(refusal, Refusal)
    assert refusal.status in PHOTOGRAPH_STATUSES
    assert refusal.detail
    assert "\n" not in refusal.detail
    return refusal


def difference(pixels: Pixels, expected: Pixels) -> float:
    return float(np.abs(pixels.astype(int) - expected.astype(int)).mean())


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_formats(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    assert difference(decoded(encoded(PICTURE, kind, **options)), gradient()) < 4


def test_cmyk() -> None:
    assert difference(decoded(encoded(PICTURE.convert("CMYK"), "JPEG", quality=95)), gradient()) < 5


def test_palette() -> None:
    assert difference(decoded(encoded(PICTURE.convert("P"))), gradient()) < 40


def test_palette_with_a_transparent_entry() -> None:
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((0, 0), 0)
    pixels = decoded(encoded(picture, transparency=0))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[1, 1].tolist() == [200, 100, 50]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_is_on_white(mode: str) -> None:
    picture = Image.new(mode, (4, 4), (0, 0, 0, 0) if mode == "RGBA" else (0, 0))
    assert (decoded(encoded(picture)) == 255).all()


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey(mode: str) -> None:
    pixels = decoded(encoded(PICTURE.convert(mode)))
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(3, 0)
    pixels = decoded(encoded(Image.fromarray(ramp)))
    assert np.abs(pixels[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_sixteen_bits_of_colour() -> None:
    row = b"\0" + bytes([0x80, 0, 0x40, 0, 0xFF, 0xFF])
    assert decoded(png(1, 1, 16, 2, row))[0, 0].tolist() == [0x80, 0x40, 0xFF]


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_an_animation_the_first_picture(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert decoded(data)[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = PICTURE.transpose(undo[orientation]) if orientation in undo else PICTURE
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert (decoded(encoded(stored, exif=exif.tobytes())) == gradient()).all()


def test_broken_exif_does_not_cost_the_picture() -> None:
    assert difference(decoded(encoded(PICTURE, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")),
                      gradient()) < 5  # fmt: skip


def test_the_content_decides_and_not_the_name() -> None:
    """A GIF is no format of ours, whatever it is called; nothing but its bytes is looked at."""
    assert refused(encoded(PICTURE, "GIF")).detail == "the file is no JPEG, PNG or WEBP picture"


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "GIF", "PPM", "ICO"])
def test_other_formats_are_refused(kind: str) -> None:
    assert refused(encoded(PICTURE, kind)).status == "undecodable"


def test_nothing_and_nonsense() -> None:
    assert refused(b"").detail == "the file is empty"
    assert refused(b"<html>404</html>").status == "undecodable"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    assert refused(data[: int(share * len(data))]).status == "undecodable"


def test_large_files_are_refused_unread() -> None:
    data = encoded(PICTURE) + bytes(MAX_BYTES)
    assert refused(data).status == "too_large"


def test_the_limit_on_pixels() -> None:
    side = int(MAX_PIXELS**0.5)
    refusal = refused(png(side + 1, side + 1, 1, 0, bytes((side + 1) * (side // 8 + 2))))
    assert refusal.status == "too_large"
    assert f"{side + 1} x {side + 1}" in refusal.detail


@pytest.mark.parametrize("size", [(9_000, 9_000), (12_000, 12_000), (60_000, 60_000)])
def test_bombs_are_refused_without_a_warning(
    size: tuple[int, int], recwarn: pytest.WarningsRecorder
) -> None:
    assert refused(png(*size, 8, 2, bytes(1000))).status == "too_large"
    assert not recwarn.list


def test_bombs_are_refused_without_the_memory_for_them() -> None:
    """3 GB of pixels in a file of some kilobytes."""
    code = textwrap.dedent("""
        import resource
        from personax_assets.faces.decoding import decode
        from tests.personax_assets.faces.pictures import png
        bomb = png(32_000, 32_000, 8, 2, bytes(1000))
        decode(b"")
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert decode(bomb).status == "too_large"
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used)
    """)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 5_000, "kilobytes"


def test_a_text_chunk_bomb_is_refused() -> None:
    text = zlib_text(200_000_000)
    data = encoded(PICTURE)
    bomb = data[:33] + text + data[33:]
    assert refused(bomb).status == "undecodable"


def zlib_text(size: int) -> bytes:
    body = b"Comment\0\0" + zlib.compress(bytes(size), 9)
    return struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(
        ">I", zlib.crc32(b"zTXt" + body)
    )  # fmt: skip


def corpus() -> list[bytes]:
    small = PICTURE.resize((24, 16))
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        encoded(small),
        encoded(small.convert("P")),
        encoded(small.convert("RGBA")),
        encoded(small, "JPEG", exif=exif.tobytes()),
        encoded(small.convert("CMYK"), "JPEG", progressive=True),
        encoded(small, "WEBP"),
        encoded(small, "WEBP", save_all=True, append_images=[small]),
    ]


def test_mutated_pictures_never_raise() -> None:
    """500 pictures with bytes changed, cut out, put in: an answer for each."""
    random = np.random.default_rng(7)
    seeds = corpus()
    outcomes = {"ok": 0, "undecodable": 0, "too_large": 0}
    for i in range(500):
        data = bytearray(seeds[i % len(seeds)])
        for _ in range(random.integers(1, 8)):
            at = int(random.integers(len(data)))
            match random.integers(3):
                case 0:
                    data[at] = int(random.integers(256))
                case 1:
                    del data[at : at + int(random.integers(1, 12))]
                case 2:
                    data[at:at] = random.bytes(int(random.integers(1, 12)))
        result = decode(bytes(data))
        outcomes[result.status if isinstance(result, Refusal) else "ok"] += 1
    assert sum(outcomes.values()) == 500
    assert outcomes["ok"] > 50
    assert outcomes["undecodable"] > 50


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"RIFF"]))
def test_any_bytes_are_survived(data: bytes, start: bytes) -> None:
    result = decode(start + data)
    assert isinstance(result, Refusal | np.ndarray)
