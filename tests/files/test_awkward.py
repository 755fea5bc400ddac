"""Photographs as programs and cameras really write them; the files are made by other libraries."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from casestudy import CaseStudyError
from casestudy.files.encoding import fitting, write_photo
from casestudy.files.photos import Photo, read_photo, read_size

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (40, 56, 3), np.uint8)
RGB16 = RNG.integers(0, 65536, (40, 56, 3), np.uint16)
SMOOTH = np.dstack([np.add.outer(range(40), range(56))] * 3).astype(np.uint8)
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF tiff:Orientation='6' xmp:Rating='4'/>"
IPTC = b"\x1c\x02\x19\0\x05stars"


def chunk(kind, content):
    checksum = struct.pack(">L", zlib.crc32(kind + content))
    return struct.pack(">L", len(content)) + kind + content + checksum


GAMMA = chunk(b"gAMA", struct.pack(">L", 100_000))
PQ = chunk(b"cICP", bytes([9, 16, 0, 1]))


def png(pixels, extra=b""):
    """Return a PNG by the specification: signature, IHDR, extra chunks, IDAT, IEND."""
    rows = pixels.astype(f">u{pixels.itemsize}")
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    height, width, channels = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">LLBBBBB", width, height, 8 * pixels.itemsize, kind, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + body


def jpeg(pixels=RGB, **options):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", **options)
    return content.getvalue()


def refusal(path):
    with pytest.raises(CaseStudyError) as error:
        read_photo(path)
    assert str(path) in str(error.value)
    return str(error.value)


def again(photo, path):
    write_photo(path, fitting(photo, {".jpg": "JPEG", ".png": "PNG", ".tif": "TIFF"}[path.suffix]))
    return path


class TestTiff:
    @pytest.mark.parametrize("inner", [True, False])
    def test_a_raw_file_is_refused(self, tmp_path, inner):
        """Its pixels lie in a directory of the thumbnail's, as in NEF and DNG, or in the next."""
        path = tmp_path / "a.nef"
        with tifffile.TiffWriter(path) as tiff:
            tiff.write(RGB[::4, ::4], photometric="rgb", subfiletype=1, subifds=int(inner))
            tiff.write(RGB16[..., 0], photometric=32803, subfiletype=0, metadata=None)
        assert "raw converter" in refusal(path)

    @pytest.mark.parametrize("pixels", [RGB, RGB16], ids=["8 bits", "16 bits"])
    def test_a_thumbnail_before_the_photograph_is_passed_over(self, tmp_path, pixels):
        path, texts = tmp_path / "a.tif", [(0x10F, "s", 0, b"Acme", True)]
        with tifffile.TiffWriter(path) as tiff:
            tiff.write(pixels[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
            tiff.write(pixels, photometric="rgb", subfiletype=0, metadata=None, extratags=texts)
        photo = read_photo(path)
        np.testing.assert_array_equal(photo.pixels, pixels)
        assert b"Acme" in photo.exif and not photo.conversions
        assert read_size(path) == (40, 56)

    @pytest.mark.parametrize("kind", ["imagej", "ome"])
    def test_a_description_that_counts_images_is_left_out(self, tmp_path, kind):
        source, target = tmp_path / "a.tif", tmp_path / "b.ome.tif"
        stack = np.stack([RGB16[..., 0]] * 5)
        tifffile.imwrite(source, stack, metadata={"axes": "ZYX"}, **{kind: True})
        photo = read_photo(source)
        assert "first of several" in photo.conversions[0] and "counts" in photo.conversions[1]
        write_photo(target, photo)
        np.testing.assert_array_equal(tifffile.imread(target), stack[0])

    @pytest.mark.parametrize("pixels", [RGB, RGB16], ids=["8 bits", "16 bits"])
    def test_an_infrared_channel_does_not_become_transparency(self, tmp_path, pixels):
        scanned = np.dstack([pixels, pixels[..., 0] // 2])
        tifffile.imwrite(tmp_path / "a.tif", scanned, photometric="rgb", extrasamples=[0])
        photo = read_photo(tmp_path / "a.tif")
        np.testing.assert_array_equal(photo.pixels, pixels)
        assert "neither colour nor transparency" in photo.conversions[0]

    @pytest.mark.parametrize("code, name", [(50000, "ZSTD"), (34712, "JPEG2000")])
    def test_a_compression_that_is_not_read_is_named(self, tmp_path, code, name):
        tifffile.imwrite(tmp_path / "a.tif", RGB16, photometric="rgb", metadata=None)
        content = (tmp_path / "a.tif").read_bytes()
        entry = struct.pack("<HHLH", 259, 3, 1, 1)  # Compression, one short: none
        assert content.count(entry) == 1
        other = content.replace(entry, struct.pack("<HHLH", 259, 3, 1, code))
        (tmp_path / "a.tif").write_bytes(other)
        assert f"compressed by {name}" in refusal(tmp_path / "a.tif")

    def test_where_on_earth_the_pixels_lie_is_kept(self, tmp_path):
        scale, keys = (0.1, 0.1, 0.0), (1, 1, 0, 1, 3072, 0, 1, 32632)
        tags = [(33550, "d", 3, scale, True), (34735, "H", 8, keys, True)]
        tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb", extratags=tags)
        again(read_photo(tmp_path / "a.tif"), tmp_path / "b.tif")
        with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
            found = tiff.pages[0].tags
            assert found[33550].value == scale and found[34735].value == keys

    @pytest.mark.parametrize("channels", [1, 3])
    def test_floats_stay_floats(self, tmp_path, channels):
        """As other denoisers, scanners and astronomers write them."""
        pixels = RNG.random((40, 56, channels), np.float32)
        photometric = "rgb" if channels == 3 else "minisblack"
        tifffile.imwrite(tmp_path / "a.tif", pixels.squeeze(), photometric=photometric)
        photo = read_photo(tmp_path / "a.tif")
        np.testing.assert_array_equal(photo.pixels, pixels)
        write_photo(tmp_path / "b.tif", photo)
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), pixels.squeeze())
        with pytest.raises(CaseStudyError, match="cannot hold floats"):
            write_photo(tmp_path / "b.png", photo)

    @pytest.mark.parametrize("value, shown", [(255, "to 255"), (-0.5, "from -0.5")])
    def test_floats_of_another_range_are_refused(self, tmp_path, value, shown):
        pixels = np.full((8, 8, 3), 0.5, np.float32)
        pixels[0, 0, 0] = value
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
        assert shown in refusal(tmp_path / "a.tif")


class TestPng:
    @pytest.mark.parametrize("pixels", [RGB, RGB16], ids=["8 bits", "16 bits"])
    def test_what_colours_its_values_mean_is_kept(self, tmp_path, pixels):
        bits = chunk(b"sBIT", bytes([5, 6, 5]))
        (tmp_path / "a.png").write_bytes(png(pixels, GAMMA + PQ + bits))
        photo = read_photo(tmp_path / "a.png")
        content = again(photo, tmp_path / "b.png").read_bytes()
        for kept in (GAMMA, PQ, bits):
            assert content.count(kept) == 1 and content.index(kept) < content.index(b"IDAT")
        np.testing.assert_array_equal(read_photo(tmp_path / "b.png").pixels, pixels)
        assert "colours may look different" in fitting(photo, "JPEG").conversions[0]

    def test_significant_bits_of_a_palette_are_not_those_of_its_colours(self, tmp_path):
        content = io.BytesIO()
        Image.fromarray(RGB[..., 0]).quantize(16).save(content, "PNG", transparency=3)
        made, bits = content.getvalue(), chunk(b"sBIT", bytes([8, 8, 8]))
        (tmp_path / "a.png").write_bytes(made[:33] + bits + made[33:])
        photo = read_photo(tmp_path / "a.png")
        assert photo.pixels.shape[2] == 4 and not photo.colour

    def test_a_wrong_checksum_is_damage(self, tmp_path):
        content = png(RGB, chunk(b"tEXt", b"Comment\0hello"))
        (tmp_path / "a.png").write_bytes(content.replace(b"hello", b"jello"))
        assert "is damaged" in refusal(tmp_path / "a.png")


class TestJpeg:
    def test_only_the_end_marker_is_missing(self, tmp_path):
        (tmp_path / "whole.jpg").write_bytes(jpeg())
        (tmp_path / "a.jpg").write_bytes(jpeg()[:-2])
        photo = read_photo(tmp_path / "a.jpg")
        np.testing.assert_array_equal(photo.pixels, read_photo(tmp_path / "whole.jpg").pixels)
        assert photo.conversions == ("Its end marker was missing; all pixels were there.",)

    @pytest.mark.parametrize("options", [{}, {"progressive": True}])
    @pytest.mark.parametrize("pixels", [RGB, SMOOTH], ids=["noise", "smooth"])
    def test_more_than_the_end_marker_is_missing(self, tmp_path, options, pixels):
        (tmp_path / "a.jpg").write_bytes(jpeg(pixels, **options)[:-30])
        assert "damaged or cut off" in refusal(tmp_path / "a.jpg")

    def test_an_orientation_in_32_bits(self, tmp_path):
        entry = struct.pack(">HHLL", 0x112, 4, 1, 6)
        exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 1) + entry + bytes(4)
        (tmp_path / "a.jpg").write_bytes(jpeg(exif=exif))
        photo = read_photo(tmp_path / "a.jpg")
        assert photo.pixels.shape == (56, 40, 3)
        with Image.open(again(photo, tmp_path / "b.jpg")) as image:
            assert image.getexif()[0x112] == 1

    def test_descriptions_by_photo_managers(self, tmp_path):
        """XMP, with its orientation as the pixels are, and IPTC: into every format that can."""
        resource = b"8BIM\x04\x04\0\0" + struct.pack(">L", len(IPTC)) + IPTC
        segment = b"Photoshop 3.0\0" + resource
        made = jpeg(xmp=XMP)
        segment = b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
        (tmp_path / "a.jpg").write_bytes(made[:20] + segment + made[20:])
        photo = read_photo(tmp_path / "a.jpg")
        upright = XMP.replace(b"'6'", b"'1'")
        for name in ("b.jpg", "b.png", "b.tif"):
            with Image.open(again(photo, tmp_path / name)) as image:
                found = image.info["xmp"]
                assert (found if isinstance(found, bytes) else found.encode()) == upright
        with Image.open(tmp_path / "b.jpg") as image:
            assert image.info["photoshop"][0x0404] == IPTC
        with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
            assert bytes(tiff.pages[0].tags[33723].value) == IPTC
        assert fitting(photo, "PNG").conversions == ("PNG holds no IPTC data; it was left out.",)
        for name in ("b.jpg", "b.tif"):
            both = read_photo(tmp_path / name)
            assert (both.xmp, both.iptc) == (upright, IPTC)

    def test_what_follows_the_picture_is_named(self, tmp_path):
        video = struct.pack(">L", 24) + b"ftypisom\0\0\2\0isommp41" + bytes(500)
        (tmp_path / "a.jpg").write_bytes(jpeg(xmp=XMP) + video)
        photo = read_photo(tmp_path / "a.jpg")
        assert photo.conversions == ("Its video (motion photo) was left out.",)
        assert not photo.xmp  # it describes the video

    def test_a_gain_map_is_named(self, tmp_path):
        frames = [Image.fromarray(image) for image in (RGB, RGB[::2, ::2])]
        xmp = XMP.replace(b"xmp:Rating", b"hdrgm:Version")
        options = {"save_all": True, "append_images": frames[1:], "xmp": xmp}
        frames[0].save(tmp_path / "a.jpg", "MPO", **options)
        assert read_photo(tmp_path / "a.jpg").conversions == ("Its HDR gain map was left out.",)


def test_a_lossless_webp_stays_lossless(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.webp", lossless=True)
    photo = read_photo(tmp_path / "a.webp")
    write_photo(tmp_path / "b.webp", photo)
    np.testing.assert_array_equal(read_photo(tmp_path / "b.webp").pixels, RGB)
    write_photo(tmp_path / "c.webp", Photo(RGB))
    assert not read_photo(tmp_path / "c.webp").lossless
