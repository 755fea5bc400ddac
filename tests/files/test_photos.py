"""Photographs read and written, against files written by other libraries, formulas, and damage."""

import io
import struct
import warnings
import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

from casestudy import CaseStudyError
from casestudy.files.encoding import writable_format, write_photo
from casestudy.files.photos import MAX_PIXELS, Photo, read_image, read_photo

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (20, 31, 3), np.uint8)
RGB16 = RNG.integers(0, 65536, (20, 31, 3), np.uint16)
RGB16_TO_8 = np.round(RGB16 / 257).astype(np.uint8)


def grey_to_rgb(image):
    return np.repeat(image[..., None], 3, axis=-1)


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "A.PNG", "png-named.jpg"])
def test_lossless_formats_keep_every_level(tmp_path, name):
    format = {"tif": "TIFF", "bmp": "BMP"}.get(name[-3:], "PNG")
    Image.fromarray(RGB).save(tmp_path / name, format)
    image = read_image(tmp_path / name)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, RGB)


@pytest.mark.parametrize("options", [{"quality": 90}, {"quality": 90, "progressive": True}])
def test_jpeg_agrees_with_opencv(tmp_path, options):
    smooth = cv2.resize(RGB, (155, 100), interpolation=cv2.INTER_CUBIC)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", **options)
    expected = cv2.imread(str(tmp_path / "a.jpg"))[..., ::-1].astype(int)
    assert np.abs(read_image(tmp_path / "a.jpg") - expected).max() <= 2


def test_webp_is_read(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.webp", lossless=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.webp"), RGB)


@pytest.mark.parametrize("byteorder", "<>")
def test_16_bit_tiff_is_rounded(tmp_path, byteorder):
    tifffile.imwrite(tmp_path / "a.tif", RGB16, photometric="rgb", byteorder=byteorder)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), RGB16_TO_8)


def test_16_bit_png_is_rounded(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), RGB16[..., ::-1])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB16_TO_8)


def test_16_bit_reaches_every_level_and_the_nearest(tmp_path):
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    image = read_image(tmp_path / "ramp.png")
    np.testing.assert_array_equal(image, grey_to_rgb(np.round(ramp / 257).astype(np.uint8)))
    assert image[0, 0, 0] == 0 and image[-1, -1, 0] == 255


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_is_replicated(tmp_path, name, dtype):
    grey = RGB[..., 0] if dtype == np.uint8 else RGB16[..., 0]
    cv2.imwrite(str(tmp_path / name), grey)
    expected = RGB[..., 0] if dtype == np.uint8 else RGB16_TO_8[..., 0]
    np.testing.assert_array_equal(read_image(tmp_path / name), grey_to_rgb(expected))


@pytest.mark.parametrize("bits", [8, 16])
def test_alpha_is_dropped_and_the_colour_under_it_kept(tmp_path, bits):
    colours, expected = (RGB, RGB) if bits == 8 else (RGB16, RGB16_TO_8)
    alpha = np.zeros((20, 31, 1), colours.dtype)
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([colours[..., ::-1], alpha]))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


def test_palette_with_transparency_becomes_rgb(tmp_path):
    image = Image.fromarray(RGB).quantize(16)
    expected = np.array(image.convert("RGB"))
    image.save(tmp_path / "a.png", transparency=bytes(range(16)))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


def test_two_levels_become_black_and_white(tmp_path):
    mask = RGB[..., 0] > 127
    Image.fromarray(mask).save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png"), grey_to_rgb(mask * np.uint8(255))
    )


def test_cmyk_is_converted(tmp_path):
    ink = np.zeros((8, 8, 4), np.uint8)
    ink[..., 0], ink[..., 3] = 255, 51  # full cyan under a fifth of black
    Image.fromarray(ink, "CMYK").save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif")[0, 0].tolist() == [0, 204, 204]


# EXIF 2.3: where row 0 and column 0 of the stored image lie when it is displayed.
UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def write_oriented(path, image, orientation):
    """Write an image with an EXIF orientation; 16-bit PNG gets its eXIf chunk by hand."""
    if path.suffix == ".tif":
        tag = (274, "H", 1, orientation, True)
        tifffile.imwrite(path, image, photometric="rgb", extratags=[tag])
        return
    exif = Image.Exif()
    exif[274] = orientation
    content = exif.tobytes().removeprefix(b"Exif\0\0")
    checksum = struct.pack(">I", zlib.crc32(b"eXIf" + content))
    chunk = struct.pack(">I", len(content)) + b"eXIf" + content + checksum
    encoded = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
    path.write_bytes(encoded[:33] + chunk + encoded[33:])  # after the IHDR chunk


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("bits", [8, 16])
def test_exif_orientation_is_applied(tmp_path, name, bits, orientation):
    stored, expected = (RGB, RGB) if bits == 8 else (RGB16, RGB16_TO_8)
    write_oriented(tmp_path / name, stored, orientation)
    np.testing.assert_array_equal(read_image(tmp_path / name), UPRIGHT[orientation](expected))


def test_jpeg_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (31, 20, 3)


def test_jpeg_with_zeros_after_its_end_is_read(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.jpg")
    expected = read_image(tmp_path / "a.jpg")
    with (tmp_path / "a.jpg").open("ab") as file:
        file.write(bytes(5000))
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), expected)


@pytest.mark.parametrize("name", ["a.tif", "a.webp", "a.png"])
def test_first_of_several_images_is_read(tmp_path, name):
    frames = [Image.fromarray(image) for image in (RGB, 255 - RGB)]
    options = {"lossless": True} if name == "a.webp" else {}
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(read_image(tmp_path / name), RGB)


def refusal(path):
    with pytest.raises(CaseStudyError) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_missing_file_is_named(tmp_path):
    assert "does not exist" in refusal(tmp_path / "a.png")


def test_folder_is_named(tmp_path):
    assert "cannot be opened" in refusal(tmp_path)


def test_empty_file_is_named(tmp_path):
    (tmp_path / "a.png").touch()
    assert "empty" in refusal(tmp_path / "a.png")


@pytest.mark.parametrize("content", [b"hello, world", b"\x89PNG\r\n\x1a\n", bytes(range(256))])
def test_other_content_is_no_image(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    refusal(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.gif", "a.ppm", "a.eps"])
def test_other_formats_are_refused(tmp_path, name):
    Image.fromarray(RGB).save(tmp_path / name)
    assert "not a PNG" in refusal(tmp_path / name)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.uint32, np.int16])
@pytest.mark.parametrize("channels", [1, 3])
def test_numbers_other_than_8_or_16_bits_are_refused(tmp_path, dtype, channels):
    image = RGB[..., :channels].squeeze().astype(dtype)
    photometric = "rgb" if channels == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", image, photometric=photometric)
    assert "onvert it to 8- or 16-bit" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "image, options",
    [
        (np.moveaxis(RGB16, 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        (RGB16[..., 0], {"photometric": "miniswhite"}),
        (
            np.dstack([RGB16, RGB16[..., :1]]),
            {"photometric": "rgb", "extrasamples": ["assocalpha"]},
        ),
    ],
)
def test_16_bit_tiff_that_opencv_misreads_is_refused(tmp_path, image, options):
    tifffile.imwrite(tmp_path / "a.tif", image, **options)
    assert "Convert it" in refusal(tmp_path / "a.tif")


def png_header(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    ihdr = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + ihdr + b"\0\0\0\0IDAT"


@pytest.mark.parametrize("width, height", [(12_300, 12_200), (20_000, 20_000), (2**31 - 1, 2)])
def test_huge_image_is_refused_from_its_header(tmp_path, width, height):
    assert width * height > MAX_PIXELS
    (tmp_path / "bomb.png").write_bytes(png_header(width, height))
    assert "megapixels" in refusal(tmp_path / "bomb.png")


def encoded_files():
    """One file per decoder, as (name, bytes)."""
    smooth = cv2.resize(RGB, (93, 60), interpolation=cv2.INTER_CUBIC)
    for format in ("PNG", "JPEG", "TIFF", "BMP", "WEBP"):
        buffer = io.BytesIO()
        Image.fromarray(smooth).save(buffer, format)
        yield format, buffer.getvalue()
    buffer = io.BytesIO()
    Image.fromarray(smooth).save(buffer, "TIFF", compression="tiff_lzw")
    yield "LZW TIFF", buffer.getvalue()
    yield "16-bit PNG", cv2.imencode(".png", RGB16)[1].tobytes()
    yield "16-bit TIFF", cv2.imencode(".tif", RGB16)[1].tobytes()


FILES = dict(encoded_files())


def read_or_refuse(path):
    """Read a damaged file: an array or a CaseStudyError, nothing else."""
    try:
        image = read_image(path)
    except CaseStudyError as error:
        assert str(path) in str(error)
        return False
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    return True


@pytest.mark.parametrize("kind", FILES)
def test_cut_off_file_is_refused(tmp_path, kind):
    content, path = FILES[kind], tmp_path / "a"
    for length in np.linspace(0, 0.9 * len(content), 60, dtype=int):
        path.write_bytes(content[:length])
        assert not read_or_refuse(path), f"{kind} cut at {length} of {len(content)}"


@pytest.mark.parametrize("kind", FILES)
def test_flipped_bytes_never_crash(tmp_path, kind):
    content, path = FILES[kind], tmp_path / "a"
    rng = np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 3):
            damaged[position] = rng.integers(256)
        damaged[rng.integers(0, min(200, len(content)))] ^= 255  # headers are where it hurts
        path.write_bytes(damaged)
        read_or_refuse(path)


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXPOSURE, ISO, TAKEN, MAKE = 0x829A, 0x8827, 0x9003, 0x10F
ORIENTATION, ARTIST, X_RESOLUTION, Y_RESOLUTION = 0x112, 0x13B, 0x11A, 0x11B
PIXELS_X, PIXELS_Y = 0xA002, 0xA003


def camera_exif(orientation=1):
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION], exif[ARTIST] = "Acme", orientation, "Zoë".encode("latin-1")
    exif.get_ifd(0x8769).update(
        {EXPOSURE: IFDRational(1, 125), ISO: 800, TAKEN: "2024:05:06 07:08:09"}
    )
    exif.get_ifd(0x8825)[1] = "N"
    return exif


def colours(channels, dtype):
    levels = np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (21, 30, channels))
    return levels.astype(dtype)


def tifffile_bytes(folder, **options):
    tifffile.imwrite(folder / "made.tif", RGB, photometric="rgb", **options)
    return (folder / "made.tif").read_bytes()


def photo_of(path, pixels, orientation=1):
    """Return what is read of a camera's file: written by Pillow, pixels replaced."""
    Image.fromarray(RGB).save(path, exif=camera_exif(orientation), icc_profile=PROFILE)
    stored = read_photo(path)
    return Photo(pixels, stored.exif, stored.profile)


class TestWriting:
    @pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".bmp"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_lossless_formats_keep_every_level(self, tmp_path, suffix, dtype, channels):
        if (suffix == ".bmp" and (dtype == np.uint16 or channels in (2, 4))) or (
            dtype == np.uint16 and channels == 2
        ):
            pytest.skip("the format has no such images")
        pixels = colours(channels, dtype)
        write_photo(tmp_path / f"a{suffix}", Photo(pixels))
        again = read_photo(tmp_path / f"a{suffix}").pixels
        assert again.dtype == dtype
        np.testing.assert_array_equal(again, pixels)

    @pytest.mark.parametrize("name", ["a.png", "a.tif"])
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_other_readers_see_the_same_16_bits(self, tmp_path, name, channels):
        pixels = colours(channels, np.uint16)
        write_photo(tmp_path / name, photo_of(tmp_path / "camera.jpg", pixels))
        if name == "a.tif":
            seen = tifffile.imread(tmp_path / name).reshape(pixels.shape)
        else:
            seen = cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED).reshape(pixels.shape)
            seen = seen[..., [2, 1, 0, 3][:channels]] if channels > 1 else seen
        np.testing.assert_array_equal(seen, pixels)

    @pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
    def test_lossy_formats_stay_close(self, tmp_path, name):
        smooth = cv2.resize(RGB, (620, 400), interpolation=cv2.INTER_CUBIC)
        write_photo(tmp_path / name, Photo(smooth))
        error = read_image(tmp_path / name).astype(float) - smooth
        assert np.sqrt((error**2).mean()) < 5

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.webp"])
    def test_exif_and_profile_survive(self, tmp_path, name, dtype):
        if dtype == np.uint16 and name in ("a.jpg", "a.webp"):
            pytest.skip("the format has no such images")
        write_photo(tmp_path / name, photo_of(tmp_path / "camera.jpg", colours(3, dtype), 6))
        with Image.open(tmp_path / name) as image:
            exif = image.getexif()
            assert exif[MAKE] == "Acme" and exif.get(ORIENTATION, 1) == 1
            assert exif[ARTIST] == "Zoë"
            taken = exif.get_ifd(0x8769)
            assert (taken[ISO], taken[TAKEN]) == (800, "2024:05:06 07:08:09")
            assert float(taken[EXPOSURE]) == 1 / 125
            assert exif.get_ifd(0x8825)[1] == "N"
            assert image.info["icc_profile"] == PROFILE
        again = read_photo(tmp_path / name)  # and on to another format
        write_photo(tmp_path / "again.png", again)
        with Image.open(tmp_path / "again.png") as image:
            assert image.getexif().get_ifd(0x8769)[ISO] == 800

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_exif_that_a_png_holds_as_text_survives(self, tmp_path, dtype):
        """As ImageMagick writes it: a name, the length, and lines of hexadecimal digits."""
        content = camera_exif(orientation=6).tobytes()
        digits = content.hex()
        lines = [digits[i : i + 72] for i in range(0, len(digits), 72)]
        text = PngInfo()
        text.add_text(
            "Raw profile type exif", "\n".join(["", "exif", f"{len(content):8}", *lines])
        )
        if dtype == np.uint8:
            Image.fromarray(RGB).save(tmp_path / "a.png", pnginfo=text)
        else:
            Image.fromarray(RGB[..., 0].astype(np.uint16)).save(tmp_path / "a.png", pnginfo=text)
        photo = read_photo(tmp_path / "a.png")
        assert not photo.conversions
        write_photo(tmp_path / "b.png", photo)
        with Image.open(tmp_path / "b.png") as image:
            assert image.getexif()[MAKE] == "Acme"
            assert image.getexif().get(ORIENTATION, 1) == 1
            assert image.size == RGB.shape[:2]

    @pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
    def test_exif_stays_byte_for_byte_but_for_the_orientation(self, tmp_path, name):
        original, turned = (photo_of(tmp_path / "camera.jpg", RGB, n).exif for n in (1, 6))
        with Image.open(tmp_path / "camera.jpg") as image:
            stored = bytearray(image.info["exif"].removeprefix(b"Exif\0\0"))
        place = stored.index(struct.pack(">HHL", ORIENTATION, 3, 1)) + 9
        assert stored[place] == 6
        stored[place] = 1
        assert turned == stored == original
        write_photo(tmp_path / name, Photo(RGB, turned))
        with Image.open(tmp_path / name) as image:
            assert image.info["exif"].removeprefix(b"Exif\0\0") == turned

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_a_tiff_is_described_as_tiff_6_asks(self, tmp_path, dtype):
        """A made source, written by another library, keeps its resolution; tags are sorted."""
        tags = [(ARTIST, "s", 0, "Zoë".encode("latin-1"), True), (MAKE, "s", 0, b"Acme", True)]
        resolution = {"resolution": ((300, 7), (200, 7)), "resolutionunit": 3}
        path, again = tmp_path / "a.tif", tmp_path / "again.tif"
        tifffile.imwrite(path, colours(3, dtype), byteorder=">", extratags=tags, **resolution)
        photo = read_photo(path)
        assert photo.exif and not photo.conversions
        jpeg = photo_of(tmp_path / "camera.jpg", photo.pixels)
        for exif in (photo.exif, jpeg.exif):
            write_photo(again, Photo(photo.pixels, exif))
            with tifffile.TiffFile(again) as tiff:
                page = tiff.pages[0]
                assert len(tiff.pages) == 1 and page.offset % 2 == 0
                assert list(page.tags.keys()) == sorted(page.tags.keys())
                assert page.predictor == 2
                np.testing.assert_array_equal(page.asarray(), photo.pixels)
                assert page.tags[MAKE].value == "Acme"
                if exif is jpeg.exif:
                    assert page.tags[0x8769].value["ISOSpeedRatings"] == 800
                else:
                    assert page.tags[282].value == (300, 7) and page.tags[283].value == (200, 7)
                    assert page.tags[296].value == 3

    def test_a_resolution_that_is_no_number_is_left_out(self, tmp_path):
        content = bytearray(tifffile_bytes(tmp_path, resolution=((72, 1), (72, 1))))
        for _ in range(2):
            place = content.index(struct.pack("<LL", 72, 1))
            content[place : place + 8] = bytes(8)
        (tmp_path / "a.tif").write_bytes(content)
        write_photo(tmp_path / "b.tif", read_photo(tmp_path / "a.tif"))
        np.testing.assert_array_equal(read_image(tmp_path / "b.tif"), RGB)

    @pytest.mark.parametrize("orientation", UPRIGHT)
    def test_a_photograph_is_turned_once(self, tmp_path, orientation):
        camera, again = tmp_path / "camera.png", tmp_path / "again.png"
        Image.fromarray(RGB).save(camera, exif=camera_exif(orientation))
        write_photo(again, read_photo(camera))
        np.testing.assert_array_equal(read_image(again), UPRIGHT[orientation](RGB))

    @pytest.mark.parametrize("orientation", UPRIGHT)
    @pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
    def test_exif_tells_the_sides_of_a_turned_photograph(self, tmp_path, name, orientation):
        exif = camera_exif(orientation)
        exif[X_RESOLUTION], exif[Y_RESOLUTION] = 300.0, 70_000.0
        exif.get_ifd(0x8769).update({PIXELS_X: 31, PIXELS_Y: 70_000})
        Image.fromarray(RGB).save(tmp_path / name, exif=exif.tobytes())
        write_photo(tmp_path / "again.png", read_photo(tmp_path / name))
        with Image.open(tmp_path / "again.png") as image:
            exif = image.getexif()
            taken = exif.get_ifd(0x8769)
        sides = slice(None, None, -1 if orientation > 4 else 1)
        assert (taken[PIXELS_X], taken[PIXELS_Y]) == (31, 70_000)[sides]
        assert (exif[X_RESOLUTION], exif[Y_RESOLUTION]) == (300, 70_000)[sides]
        assert (exif[MAKE], taken[ISO]) == ("Acme", 800)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("name", ["b.jpg", "b.png", "b.tif"])
    @pytest.mark.parametrize("source", ["a.jpg", "a.png"])
    def test_resolution_outside_exif_survives(self, tmp_path, source, name, dtype):
        if dtype == np.uint16 and name == "b.jpg":
            pytest.skip("the format has no such images")
        Image.fromarray(RGB).save(tmp_path / source, dpi=(300, 240))
        stored = read_photo(tmp_path / source)
        write_photo(tmp_path / name, replace(stored, pixels=colours(3, dtype)))
        assert read_photo(tmp_path / name).pixels.dtype == dtype
        with Image.open(tmp_path / name) as image:
            assert [round(value) for value in image.info["dpi"]] == [300, 240]

    def test_resolution_turns_with_the_photograph(self, tmp_path):
        Image.fromarray(RGB).save(tmp_path / "a.jpg", dpi=(300, 240), exif=camera_exif(6))
        assert read_photo(tmp_path / "a.jpg").dpi == (240, 300)

    def test_resolution_per_centimetre(self, tmp_path):
        Image.fromarray(RGB).save(tmp_path / "a.jpg", dpi=(100, 100))
        content = (tmp_path / "a.jpg").read_bytes()
        inches = b"JFIF\0\x01\x01\x01"
        assert content.count(inches) == 1
        (tmp_path / "a.jpg").write_bytes(content.replace(inches, b"JFIF\0\x01\x01\x02"))
        assert read_photo(tmp_path / "a.jpg").dpi == pytest.approx((254, 254))

    def test_no_resolution_is_made_up(self, tmp_path):
        """Of a JPEG with EXIF, Pillow says 72; of a PNG, one may be more than a JPEG can hold."""
        Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=camera_exif())
        Image.fromarray(RGB).save(tmp_path / "a.png", dpi=(1e6, 1e6))
        for name in ("a.jpg", "a.png"):
            assert read_photo(tmp_path / name).dpi == ()

    @pytest.mark.parametrize(
        "name, channels, dtype, said",
        [
            ("a.jpg", 3, np.uint16, "JPEG cannot hold 16 bits"),
            ("a.webp", 3, np.uint16, "WEBP cannot hold 16 bits"),
            ("a.jpg", 4, np.uint8, "JPEG cannot hold transparency"),
            ("a.bmp", 2, np.uint8, "BMP cannot hold transparency"),
            ("a.gif", 3, np.uint8, "must end with .png"),
            ("a", 3, np.uint8, "must end with .png"),
        ],
    )
    def test_nothing_is_lost_in_silence(self, tmp_path, name, channels, dtype, said):
        with pytest.raises(CaseStudyError, match=f"{name}.*{said}"):
            write_photo(tmp_path / name, Photo(colours(channels, dtype)))
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name, longest", [("a.webp", 16_383), ("a.jpg", 65_500)])
    @pytest.mark.parametrize("axis", [0, 1])
    def test_the_longest_sides(self, tmp_path, name, longest, axis):
        line = np.zeros((1, longest + 1, 3), np.uint8).swapaxes(axis, 1)
        allowed = line[:longest, :longest]
        write_photo(tmp_path / name, Photo(allowed))
        assert read_photo(tmp_path / name).pixels.shape == allowed.shape
        with pytest.raises(CaseStudyError, match=f"{name}.* {longest:,} pixels along a side"):
            writable_format(tmp_path / name, line)

    def test_a_folder_that_is_a_file_is_named(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(CaseStudyError, match="cannot be written"):
            write_photo(tmp_path / "file" / "a.png", Photo(RGB))


class TestConversions:
    def test_palette_and_its_transparency(self, tmp_path):
        palette = Image.fromarray(RGB).quantize(16)
        palette.save(tmp_path / "a.png", transparency=bytes(range(16)))
        photo = read_photo(tmp_path / "a.png")
        np.testing.assert_array_equal(photo.pixels[..., 3], np.array(palette))
        assert photo.conversions == ("The palette was converted to RGB.",)

    def test_cmyk_loses_its_profile(self, tmp_path):
        Image.new("CMYK", (8, 8)).save(tmp_path / "a.tif", icc_profile=b"of inks")
        photo = read_photo(tmp_path / "a.tif")
        assert not photo.profile
        assert photo.conversions == (
            "CMYK was converted to RGB.",
            "Its colour profile is for other pixels and was left out.",
        )

    def test_grey_with_alpha_at_16_bits_becomes_colour(self, tmp_path):
        image = colours(2, np.uint16)
        raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in image)
        header = struct.pack(">IIBBBBB", 30, 21, 16, 4, 0, 0, 0)
        chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
        (tmp_path / "a.png").write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + b"".join(
                struct.pack(">I", len(data))
                + kind
                + data
                + struct.pack(">I", zlib.crc32(kind + data))
                for kind, data in chunks
            )
        )
        np.testing.assert_array_equal(
            read_photo(tmp_path / "a.png").pixels, image[..., [0, 0, 0, 1]]
        )

    def test_of_several_images_it_says_so(self, tmp_path):
        frames = [Image.fromarray(image) for image in (RGB, 255 - RGB)]
        frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
        assert "first of several" in read_photo(tmp_path / "a.tif").conversions[0]

    @pytest.mark.parametrize("mode", ["L", "RGB"])
    def test_a_transparent_colour_becomes_alpha(self, tmp_path, mode):
        image = Image.fromarray(RGB).convert(mode)
        colour = image.getpixel((0, 0))
        image.save(tmp_path / "a.png", transparency=colour)
        alpha = read_photo(tmp_path / "a.png").pixels[..., -1]
        same = (np.atleast_3d(np.array(image)) == colour).all(axis=2)
        np.testing.assert_array_equal(alpha, np.where(same, 0, 255))

    def test_exif_may_end_with_its_entries(self, tmp_path):
        """Without the offset of a next directory, as tools that write the orientation alone do."""
        entry = struct.pack("<HHLHH", ORIENTATION, 3, 1, 6, 0)
        exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry
        Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
        photo = read_photo(tmp_path / "a.png")
        np.testing.assert_array_equal(photo.pixels, UPRIGHT[6](RGB))
        assert not photo.conversions
        write_photo(tmp_path / "again.png", photo)
        with Image.open(tmp_path / "again.png") as image:
            assert image.getexif()[ORIENTATION] == 1

    @pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
    @pytest.mark.parametrize("exif", [b"Exif\0\0rubbish", b"Exif\0\0II*\0\xff\0\0\0"])
    def test_damaged_exif_does_not_cost_the_photograph(self, tmp_path, name, exif):
        Image.fromarray(RGB).save(tmp_path / name, exif=exif)
        photo = read_photo(tmp_path / name)
        assert photo.pixels.shape == RGB.shape and not photo.exif
        assert "EXIF is damaged" in photo.conversions[0]

    def test_without_exif_and_profile_there_is_none(self, tmp_path):
        for name in ("a.png", "a.jpg", "a.webp", "a.bmp"):
            Image.fromarray(RGB).save(tmp_path / name)
            photo = read_photo(tmp_path / name)
            assert (photo.exif, photo.profile, photo.conversions) == (b"", b"", ())
            write_photo(tmp_path / "again.png", photo)
            with Image.open(tmp_path / "again.png") as image:
                assert not image.info
