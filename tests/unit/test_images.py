import io
import logging
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from inpformer import images, pixels
from inpformer.errors import ImageError
from inpformer.images import check_image, list_images, load_image, read_image
from inpformer.settings import MAX_MEGAPIXELS

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.fixture
def grey16() -> np.ndarray:
    values = np.random.default_rng(1).integers(0, 65536, (20, 30)).astype(np.uint16)
    values[0, :5] = [0, 128, 129, 257, 65535]
    return values


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size but has almost no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"0")), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def assert_refused(path: Path, *words: str) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(path)
    message = str(caught.value)
    assert path.name in message
    assert message.endswith(".") and "\n" not in message
    assert "Error" not in message and "Traceback" not in message
    for word in words:
        assert word in message


def assert_16_bit_grey(image: np.ndarray, values: np.ndarray) -> None:
    assert image.dtype == np.uint8 and image.shape == (20, 30, 3)
    assert np.array_equal(image, np.repeat(np.rint(values / 257)[:, :, None], 3, axis=2))


# Reading: bad input


def test_a_text_file_is_refused_with_the_formats_to_use(tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("This is not a picture at all.")
    assert_refused(path, "PNG, JPEG")


def test_a_missing_file_is_refused(tmp_path):
    assert_refused(tmp_path / "gone.png", "no file", "check the path")


def test_a_folder_is_refused(tmp_path):
    assert_refused(tmp_path, "folder")


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "nothing.jpg"
    path.touch()
    assert_refused(path, "empty")


@pytest.mark.parametrize("others_setting", [False, True])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_a_file_cut_short_is_refused_whatever_pillow_is_set_to(
    tmp_path, monkeypatch, rgb, kind, others_setting
):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", others_setting)
    data = encode(Image.fromarray(rgb), kind)
    path = tmp_path / f"cut.{kind.lower()}"
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(data[: int(share * len(data))])
        assert_refused(path, "cut short", "again")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is others_setting


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_cut_anywhere_is_either_refused_or_read_in_full(rgb, kind):
    data = encode(Image.fromarray(rgb), kind)
    whole = load_image(io.BytesIO(data))
    refused = 0
    for length in range(len(data)):
        try:
            image = load_image(io.BytesIO(data[:length]))
        except ImageError:
            refused += 1
        else:
            assert np.array_equal(image, whole)
    assert refused > 0.95 * len(data)


def test_readers_in_parallel_all_refuse_a_file_cut_short(monkeypatch, rgb):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = encode(Image.fromarray(rgb), "JPEG")[:-200]

    def is_refused(_: int) -> bool:
        try:
            read_image(io.BytesIO(data))
        except ImageError:
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_refused, range(200)))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_a_png_with_damaged_pixels_is_refused(tmp_path, rgb):
    data = bytearray(encode(Image.fromarray(rgb), "PNG"))
    middle = len(data) // 2
    data[middle : middle + 20] = bytes(20)
    path = tmp_path / "damaged.png"
    path.write_bytes(data)
    assert_refused(path, "damaged")


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (7, 40), (1, 1)])
def test_a_picture_with_a_side_under_8_pixels_is_refused(tmp_path, size):
    path = tmp_path / "thin.png"
    Image.new("RGB", size).save(path)
    assert_refused(path, f"{size[0]} × {size[1]}", "at least 8")


def test_a_picture_without_width_is_refused(tmp_path):
    path = tmp_path / "zero.png"
    path.write_bytes(png_header(0, 40))
    assert_refused(path)


def test_a_picture_of_8_pixels_is_read(tmp_path):
    path = tmp_path / "small.png"
    Image.new("RGB", (8, 8), (1, 2, 3)).save(path)
    assert (load_image(path) == [1, 2, 3]).all()


@pytest.mark.parametrize("size", [(13_400, 13_400), (100_000, 100_000)])
def test_a_decompression_bomb_is_refused_by_its_header_with_its_size(tmp_path, size):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(*size))
    assert size[0] * size[1] > MAX_MEGAPIXELS * 1_000_000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_refused(path, f"{size[0]} × {size[1]}", "178 million")


def test_a_decompression_bomb_is_not_unpacked_to_see_how_it_lies(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(60_000, 60_000))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it was unpacked"))
    with pytest.raises(ImageError, match="178 million"):
        images.picture_kind(path)


def test_a_large_picture_below_the_limit_is_read_without_a_warning(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    pixels = np.arange(1500 * 1500 * 3, dtype=np.uint32).astype(np.uint8).reshape(1500, 1500, 3)
    Image.fromarray(pixels).save(path, compress_level=1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_100_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(load_image(path), pixels)
    assert Image.MAX_IMAGE_PIXELS == 1_100_000


_PEAK = """
import io, re, sys
from pathlib import Path
from PIL import Image

Image.MAX_IMAGE_PIXELS = None
kind, mode, width, height, turn = sys.argv[1:]
picture = Image.new(mode, (int(width), int(height)))
options = {"compress_level": 1} if kind == "PNG" else {}
if turn != "1":
    options["exif"] = exif = Image.Exif()
    exif[0x0112] = int(turn)
file = io.BytesIO()
picture.save(file, kind, **options)
del picture

from inpformer.images import read_image

status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
used = lambda key: int(re.search(rf"{key}:\\s+(\\d+)", status.read_text())[1]) << 10
reset.write_text("5")  # the most so far is what is used now
before = used("VmRSS")
read_image(file)
print(used("VmHWM") - before - len(file.getbuffer()))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak")
@pytest.mark.parametrize(
    ("kind", "mode", "turn"),
    [
        ("PNG", "RGBA", 1),
        ("PNG", "RGBA", 6),
        ("JPEG", "RGB", 6),
        ("TIFF", "F", 1),
    ],
)
def test_reading_takes_little_more_memory_than_what_is_decoded_and_what_is_returned(
    kind, mode, turn
):
    """Four bytes a pixel as Pillow has it, three as they are returned, and a band."""
    words = [sys.executable, "-c", _PEAK, kind, mode, "6000", "4000", str(turn)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert 3 * 24e6 < float(done.stdout) < 7 * 24e6 + 40 * pixels.BAND_PIXELS


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "I;16"])
def test_a_picture_of_many_bands_is_turned_as_a_whole_one_is(monkeypatch, mode, turn):
    monkeypatch.setattr(pixels, "BAND_PIXELS", 64)
    values = np.random.default_rng(turn).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    lying = {
        "RGB": values[..., :3], "RGBA": values, "L": values[..., 0],
        "I;16": values[..., 0].astype(np.uint16) * 257,
    }[mode]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = turn
    found = read_image(io.BytesIO(encode(Image.fromarray(lying), "PNG", exif=exif))).image
    whole = Image.fromarray(check_image(lying))
    whole.getexif()[0x0112] = turn
    assert np.array_equal(found, np.array(ImageOps.exif_transpose(whole)))


def test_a_very_long_picture_is_refused_with_the_advice_to_crop(tmp_path):
    path = tmp_path / "strip.png"
    Image.new("L", (20_000, 10)).save(path)
    assert_refused(path, "20000 × 10", "crop")
    Image.new("L", (500, 10)).save(path)
    assert load_image(path).shape == (10, 500, 3)


def test_any_exception_of_a_decoder_becomes_one_sentence(tmp_path, monkeypatch, rgb):
    path = tmp_path / "odd.png"
    Image.fromarray(rgb).save(path)
    for error in (ValueError("x"), struct.error("x"), EOFError(), SyntaxError("x"), KeyError(1)):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
        assert_refused(path, "damaged")


def test_a_stream_without_a_name_is_called_the_picture():
    with pytest.raises(ImageError, match=r"^The picture is empty"):
        read_image(io.BytesIO(b""))


# Reading: every format


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "ppm"])
def test_a_lossless_rgb_file_is_read_bit_for_bit(tmp_path, rgb, kind):
    path = tmp_path / f"picture.{kind}"
    Image.fromarray(rgb).save(path)
    loaded = read_image(path)
    assert loaded.image.dtype == np.uint8 and loaded.image.flags.c_contiguous
    assert np.array_equal(loaded.image, rgb)
    assert loaded.notes == ()


def test_an_open_file_is_read_from_its_start_and_left_open(rgb):
    stream = io.BytesIO(encode(Image.fromarray(rgb), "PNG"))
    stream.seek(50)
    assert np.array_equal(load_image(stream), rgb)
    assert not stream.closed


def test_the_suffix_does_not_matter(tmp_path, rgb):
    path = tmp_path / "really_a_png.jpg"
    path.write_bytes(encode(Image.fromarray(rgb), "PNG"))
    assert np.array_equal(load_image(str(path)), rgb)


def test_a_jpeg_is_read_as_pillow_decodes_it(tmp_path, rgb):
    path = tmp_path / "picture.jpg"
    Image.fromarray(rgb).save(path, quality=95)
    assert np.array_equal(load_image(path), np.asarray(Image.open(path)))


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path, grey16, kind):
    path = tmp_path / f"deep.{kind}"
    Image.fromarray(grey16).save(path)
    assert_16_bit_grey(load_image(path), grey16)


def test_big_endian_16_bit_grey_is_scaled(tmp_path, grey16):
    path = tmp_path / "deep.tiff"
    picture = Image.frombytes("I;16B", (30, 20), grey16.astype(">u2").tobytes())
    picture.save(path)
    assert Image.open(path).mode == "I;16B"
    assert_16_bit_grey(load_image(path), grey16)


@pytest.mark.parametrize("kind", ["tiff", "pgm"])
def test_32_bit_modes_with_16_bit_values_are_scaled(tmp_path, grey16, kind):
    path = tmp_path / f"deep.{kind}"
    Image.fromarray(grey16.astype(np.int32)).save(path)
    assert Image.open(path).mode == "I"
    assert_16_bit_grey(load_image(path), grey16)


@pytest.mark.parametrize("value", [-1, 65536])
def test_whole_numbers_beyond_16_bits_are_refused(tmp_path, value):
    path = tmp_path / "deep.tiff"
    Image.fromarray(np.full((20, 30), value, np.int32)).save(path)
    assert_refused(path, "0 to 65535")


def test_a_float_tiff_of_fractions_is_scaled(tmp_path):
    values = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
    path = tmp_path / "fractions.tiff"
    Image.fromarray(values).save(path)
    assert np.array_equal(load_image(path)[:, :, 1], np.rint(values * 255))


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf])
def test_a_float_tiff_of_other_values_is_refused(tmp_path, value):
    values = np.full((20, 30), 0.5, np.float32)
    values[3, 4] = value
    path = tmp_path / "odd.tiff"
    Image.fromarray(values).save(path)
    assert_refused(path, "0 to 1")


@pytest.mark.parametrize("kind", ["tiff", "jpg"])
def test_cmyk_is_read_as_rgb(tmp_path, kind):
    path = tmp_path / f"print.{kind}"
    Image.new("CMYK", (30, 20), (0, 255, 255, 0)).save(path)
    assert np.abs(load_image(path).astype(int) - [255, 0, 0]).max() <= 2


def test_a_palette_is_read_as_its_colours(tmp_path):
    picture = Image.new("P", (30, 20), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    path = tmp_path / "palette.png"
    picture.save(path)
    loaded = read_image(path)
    assert (loaded.image == [10, 20, 30]).all() and loaded.notes == ()


@pytest.mark.parametrize("kind", ["png", "gif"])
def test_a_transparent_palette_colour_is_put_on_white(tmp_path, kind):
    picture = Image.new("P", (30, 20), 1)
    picture.paste(0, (0, 0, 10, 20))
    picture.putpalette([200, 0, 0, 10, 20, 30])
    path = tmp_path / f"palette.{kind}"
    picture.save(path, transparency=0)
    loaded = read_image(path)
    assert (loaded.image[:, :10] == 255).all() and (loaded.image[:, 10:] == [10, 20, 30]).all()
    assert loaded.notes == ("transparent parts put on white",)


def test_alpha_is_composited_on_white_and_noted(tmp_path):
    pixels = np.full((20, 30, 4), (100, 0, 255, 255), np.uint8)
    pixels[:, :10, 3], pixels[:, 10:20, 3] = 0, 51
    path = tmp_path / "alpha.png"
    Image.fromarray(pixels).save(path)
    loaded = read_image(path)
    assert loaded.image[0, [0, 10, 20]].tolist() == [[255] * 3, [224, 204, 255], [100, 0, 255]]
    assert loaded.notes == ("transparent parts put on white",)


def test_grey_with_alpha_is_composited_on_white(tmp_path):
    pixels = np.full((20, 30, 2), (100, 51), np.uint8)
    path = tmp_path / "alpha.png"
    Image.fromarray(pixels, "LA").save(path)
    assert (load_image(path) == 224).all()


def test_opaque_alpha_is_not_noted(tmp_path):
    path = tmp_path / "alpha.png"
    Image.new("RGBA", (30, 20), (1, 2, 3, 255)).save(path)
    loaded = read_image(path)
    assert (loaded.image == [1, 2, 3]).all() and loaded.notes == ()


def test_a_one_bit_picture_is_black_and_white(tmp_path):
    bits = np.random.default_rng(0).random((20, 30)) > 0.5
    path = tmp_path / "bits.png"
    Image.fromarray(bits).save(path)
    assert np.array_equal(load_image(path), np.repeat(bits[:, :, None] * 255, 3, axis=2))


@pytest.mark.parametrize("kind", ["png", "tiff", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied_to_the_pixel(tmp_path, rgb, kind, orientation):
    path = tmp_path / f"turned.{kind}"
    picture = Image.fromarray(rgb)
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(path, exif=exif)
    assert np.array_equal(load_image(path), np.asarray(ImageOps.exif_transpose(Image.open(path))))
    if kind != "jpg":
        corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0)}
        corner |= {5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
        assert np.array_equal(load_image(path)[corner[orientation]], rgb[0, 0])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_exif_rotation_is_applied_once_to_the_first_of_several_frames(rgb, kind):
    picture = Image.fromarray(rgb)
    exif = picture.getexif()
    exif[0x0112] = 6
    others = [Image.fromarray(255 - rgb)]
    data = encode(picture, kind, save_all=True, append_images=others, exif=exif)
    loaded = read_image(io.BytesIO(data))
    assert np.array_equal(loaded.image, np.rot90(rgb, -1))
    assert loaded.notes == ("first of 2 frames",)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\xff\xff", b"Exif\0\0"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_is_ignored(tmp_path, rgb, exif):
    path = tmp_path / "damaged_exif.jpg"
    Image.fromarray(rgb).save(path, exif=exif)
    plain = encode(Image.fromarray(rgb), "JPEG")
    assert np.array_equal(load_image(path), load_image(io.BytesIO(plain)))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_of_several_frames_is_read_and_noted(kind):
    frames = [Image.new("RGB", (30, 20), (60 * i, 10, 200)) for i in range(3)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    loaded = read_image(io.BytesIO(data))
    assert (loaded.image == [0, 10, 200]).all()
    assert loaded.notes == ("first of 3 frames",)


def test_loading_logs_the_notes(caplog):
    frames = [Image.new("RGB", (30, 20), (60 * i, 10, 200)) for i in range(2)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with caplog.at_level(logging.INFO, logger="inpformer"):
        load_image(io.BytesIO(data))
    assert caplog.messages == ["The picture: first of 2 frames"]


# Arrays from callers


def test_a_callers_picture_becomes_contiguous_rgb(rgb):
    checked = check_image(rgb[:, ::-1])
    assert checked.flags.c_contiguous and np.array_equal(checked, rgb[:, ::-1])
    assert np.array_equal(check_image(rgb[:, :, 0]), np.repeat(rgb[:, :, :1], 3, axis=2))


def test_a_callers_alpha_is_put_on_white(rgb):
    pixels = np.dstack([rgb, np.full((20, 30), 255, np.uint8)])
    pixels[0, :2] = [(100, 0, 255, 51), (100, 0, 255, 2)]
    checked = check_image(pixels)
    assert checked[0, :2].tolist() == [[224, 204, 255], [254, 253, 255]]  # 253.8 is rounded up
    assert np.array_equal(checked[1:], rgb[1:])


def test_a_callers_16_bit_picture_is_scaled(grey16):
    assert_16_bit_grey(check_image(grey16), grey16)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((20, 30), bool),
        np.zeros((20, 30, 3), np.float32),
        np.zeros((20, 30, 3), np.int64),
        np.zeros((3, 20, 30), np.uint8),
        np.zeros((20, 30, 2), np.uint8),
        np.zeros(20, np.uint8),
        np.zeros((20, 7, 3), np.uint8),
        np.zeros((0, 30, 3), np.uint8),
        np.zeros((8, 500), np.uint8),
        [[0, 1], [2, 3]],
    ],
)
def test_a_callers_picture_of_another_kind_is_refused(image):
    with pytest.raises(ImageError, match=r"^(The picture|Give the picture).*\.$"):
        check_image(image)


# Folders


def test_folders_are_expanded_in_order_without_hidden_and_other_files(tmp_path):
    names = ("b/2.PNG", "b/1.jpg", "a.tif", "b/.hidden.png", ".cache/3.png", "b/notes.txt")
    for name in (*names, "single.dat"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    expected = [tmp_path / name for name in ("single.dat", "a.tif", "b/1.jpg", "b/2.PNG")]
    assert list_images([tmp_path / "single.dat", str(tmp_path), tmp_path / "b"]) == expected
    assert list_images(str(tmp_path / "b")) == expected[2:]


def test_a_missing_path_and_a_folder_without_pictures_are_refused(tmp_path):
    with pytest.raises(ImageError, match=r"no file or folder .*gone"):
        list_images([tmp_path / "gone"])
    with pytest.raises(ImageError, match="has no pictures"):
        list_images([tmp_path])
