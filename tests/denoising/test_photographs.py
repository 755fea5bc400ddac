"""`casestudy denoise`: files in, files out, and nothing lost or harmed."""

import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from typer.testing import CliRunner

from casestudy import CaseStudyError
from casestudy.commands.main import app
from casestudy.data.catalogue import load_pairs
from casestudy.denoising import methods
from casestudy.denoising.photographs import denoise_file, denoise_folder
from casestudy.files.photos import read_photo
from casestudy.results.metrics import psnr


@pytest.fixture(scope="module")
def pair():
    pair = next(p for p in load_pairs("sample") if p.iso == 3200)
    noisy, clean = pair.load()
    return noisy[:96, :128], clean[:96, :128]


@pytest.fixture
def photographs(tmp_path, pair):
    """A folder of photographs in all formats, one below another."""
    folder = tmp_path / "photographs"
    (folder / "below").mkdir(parents=True)
    image = Image.fromarray(pair[0])
    for name in ("a.png", "b.jpg", "below/c.tif", "below/d.webp", "e.bmp"):
        image.save(folder / name)
    return folder


@pytest.fixture
def without_effect(monkeypatch):
    """A method that returns what it gets."""
    monkeypatch.setattr(methods, "photo_denoiser", lambda *_: lambda pixels, progress: pixels)


def run(*arguments):
    return CliRunner().invoke(app, ["denoise", *map(str, arguments), "--model", "nlm"])


def files(folder):
    """Names of all files but the hidden."""
    found = (p for p in folder.rglob("*") if p.is_file() and p.name[0] != ".")
    return sorted(str(p.relative_to(folder)) for p in found)


def no_change(pixels):
    return pixels


def too_little_memory(pixels):
    raise MemoryError


def never_loaded():
    pytest.fail("It was loaded before it was known that there is something to do.")


class TestFile:
    def test_noise_goes_and_the_format_stays(self, tmp_path, pair):
        noisy, clean = pair
        cv2.imwrite(str(tmp_path / "a.png"), noisy[..., ::-1].astype(np.uint16) * 257)
        result = run(tmp_path / "a.png", tmp_path / "b.tif")
        assert result.exit_code == 0 and result.stdout == f"{tmp_path / 'b.tif'}\n"
        denoised = read_photo(tmp_path / "b.tif").pixels
        assert denoised.dtype == np.uint16
        before, after = psnr(clean / 255, noisy / 255), psnr(clean / 255, denoised / 65535)
        assert after > before + 2

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_half_the_strength_removes_half(self, tmp_path, pair, dtype):
        noisy = pair[0].astype(dtype) * (np.iinfo(dtype).max // 255)
        cv2.imwrite(str(tmp_path / "a.png"), noisy[..., ::-1])
        results = {}
        for strength in (0, 50, 100):
            target = tmp_path / f"{strength}.png"
            assert run(tmp_path / "a.png", target, "--strength", strength).exit_code == 0
            results[strength] = read_photo(target).pixels
        assert results[50].dtype == dtype
        np.testing.assert_array_equal(results[0], noisy)
        mean = (results[0].astype(float) + results[100]) / 2
        np.testing.assert_allclose(results[50], mean, atol=0.51)

    @pytest.mark.parametrize("strength", [-1, 101])
    def test_there_is_no_other_strength(self, tmp_path, photographs, strength):
        result = run(photographs / "a.png", tmp_path / "b.png", "--strength", strength)
        assert result.exit_code == 2 and not (tmp_path / "b.png").exists()

    def test_nothing_is_overwritten_unless_asked(self, tmp_path, photographs):
        (tmp_path / "b.png").write_text("mine")
        result = run(photographs / "a.png", tmp_path / "b.png")
        assert "exists already" in str(result.exception)
        assert (tmp_path / "b.png").read_text() == "mine"
        assert run(photographs / "a.png", tmp_path / "b.png", "--overwrite").exit_code == 0
        assert read_photo(tmp_path / "b.png").pixels.shape == (96, 128, 3)

    def test_into_a_folder(self, tmp_path, photographs):
        assert run(photographs / "a.png", tmp_path).exit_code == 0
        assert read_photo(tmp_path / "a.png").pixels.shape == (96, 128, 3)

    @pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
    @pytest.mark.parametrize("target", [".", "a.png", "link.png"])
    def test_a_source_is_never_replaced(self, photographs, monkeypatch, target, overwrite):
        monkeypatch.chdir(photographs)
        (photographs / "link.png").symlink_to("a.png")
        before = (photographs / "a.png").read_bytes()
        result = run("a.png", target, *overwrite)
        assert "would replace the photograph" in str(result.exception)
        assert "overwrite" not in str(result.exception)
        assert (photographs / "a.png").read_bytes() == before

    @pytest.mark.parametrize(
        "source, target, said",
        [
            ("nowhere.png", "b.png", "nowhere.png does not exist"),
            ("a.png", "b.gif", "must end with .png"),
            ("a.png", "e.bmp", "exists already"),
            ("a.png", "a.png", "would replace the photograph"),
            ("wide.png", "b.webp", "WEBP cannot hold more than"),
        ],
    )
    def test_what_is_wrong_is_told_before_a_network_is_loaded(
        self, photographs, source, target, said
    ):
        Image.new("L", (17_000, 1)).save(photographs / "wide.png")
        with pytest.raises(CaseStudyError, match=said):
            denoise_file(never_loaded, photographs / source, photographs / target)

    def test_too_little_memory_is_a_message(self, tmp_path, photographs):
        with pytest.raises(CaseStudyError, match=r"a\.png needs more memory than there is"):
            denoise_file(lambda: too_little_memory, photographs / "a.png", tmp_path / "b.png")

    def test_an_error_of_the_system_is_a_message(self, tmp_path, photographs):
        with pytest.raises(CaseStudyError, match="File name too long"):
            denoise_file(lambda: no_change, photographs / "a.png", tmp_path / f"{'x' * 300}.png")

    def test_conversions_are_told(self, tmp_path, pair):
        Image.fromarray(pair[0]).convert("CMYK").save(tmp_path / "a.tif")
        assert "CMYK was converted to RGB" in run(tmp_path / "a.tif", tmp_path / "b.png").stderr

    def test_a_method_that_leaves_the_noise_is_told(self, tmp_path, photographs, without_effect):
        result = run(photographs / "a.png", tmp_path / "b.png", "--strength", 50)
        assert result.exit_code == 0 and (tmp_path / "b.png").exists()
        assert f"{photographs / 'a.png'}: Hardly any noise was removed" in result.stderr
        assert "--model nlm" in result.stderr

    def test_one_that_removes_it_is_not(self, tmp_path, photographs):
        """Whatever part of it is kept."""
        result = run(photographs / "a.png", tmp_path / "b.png", "--strength", 0)
        assert result.exit_code == 0 and not result.stderr

    @pytest.mark.parametrize("kind", ["exif", "icc_profile"])
    def test_what_bmp_does_not_hold_is_told(self, tmp_path, pair, kind):
        exif = Image.Exif()
        exif[0x10F] = "Acme"
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        kept = {"exif": exif, "icc_profile": profile}[kind]
        Image.fromarray(pair[0]).save(tmp_path / "a.png", **{kind: kept})
        name = {"exif": "EXIF", "icc_profile": "colour profile"}[kind]
        said = f"BMP holds no {name}; it was left out."
        assert said in run(tmp_path / "a.png", tmp_path / "b.bmp").stderr
        assert not run(tmp_path / "b.bmp", tmp_path / "c.bmp").stderr

    def test_a_profile_of_grey_is_left_out_of_webp(self, tmp_path, pair):
        """WebP holds colours; an ICC profile tells what it is for in bytes 16 to 20."""
        profile = bytes(16) + b"GRAY" + bytes(108)
        Image.fromarray(pair[0]).convert("L").save(tmp_path / "a.png", icc_profile=profile)
        said = "WebP holds no grey pixels, so their colour profile was left out."
        assert said in run(tmp_path / "a.png", tmp_path / "b.webp").stderr
        assert not run(tmp_path / "b.webp", tmp_path / "c.webp").stderr

    def test_exif_that_is_too_long_for_jpeg_is_told(self, tmp_path, pair):
        exif = Image.Exif()
        exif[0x927C] = bytes(66_000)  # a maker's note
        Image.fromarray(pair[0]).save(tmp_path / "a.png", exif=exif)
        said = "JPEG holds no EXIF of more than 65,527 bytes; it was left out."
        assert said in run(tmp_path / "a.png", tmp_path / "b.jpg").stderr
        assert not Image.open(tmp_path / "b.jpg").getexif()
        assert not run(tmp_path / "a.png", tmp_path / "c.png").stderr


class TestFolder:
    def test_it_is_mirrored(self, tmp_path, photographs):
        result = run(photographs, tmp_path / "out")
        assert result.exit_code == 0 and "5 denoised, 0 were there, 0 failed" in result.stdout
        assert files(tmp_path / "out") == files(photographs)

    def test_results_within_the_source_are_not_sources(self, photographs):
        for done, there in ((5, 0), (0, 5)):
            result = run(photographs, photographs / "denoised")
            assert f"{done} denoised, {there} were there, 0 failed" in result.stdout

    def test_nor_are_those_of_an_earlier_run(self, photographs):
        run(photographs, photographs / "below" / "nlm")
        result = run(photographs, photographs / "other")
        assert "5 denoised, 0 were there, 0 failed" in result.stdout
        assert f"{photographs / 'below' / 'nlm'}: left out, it holds results" in result.stderr
        assert "other: left out" not in result.stderr

    def test_links_to_folders_are_named_not_followed(self, tmp_path, photographs):
        (tmp_path / "more").mkdir()
        (tmp_path / "more" / "f.png").write_bytes((photographs / "a.png").read_bytes())
        (photographs / "link").symlink_to(tmp_path / "more")
        result = run(photographs, tmp_path / "out")
        assert "5 denoised, 0 were there, 0 failed" in result.stdout
        assert f"{photographs / 'link'}: left out, it is a symbolic link" in result.stderr

    def test_results_of_another_method_are_not_taken_for_done(self, tmp_path, photographs):
        out = tmp_path / "out"
        run(photographs, out)
        marker = out / ".casestudy-denoised"
        assert marker.read_text() == "nlm\n"
        marker.write_text("cbdnet with keras\n")
        (out / "b.jpg").unlink()
        refused = str(run(photographs, out).exception)
        assert f"{out} holds results of cbdnet with keras, not of nlm" in refused
        assert "another folder" in refused and "--overwrite" in refused
        assert not (out / "b.jpg").exists()
        assert "5 denoised" in run(photographs, out, "--overwrite").stdout
        assert marker.read_text() == "nlm\n"
        assert "5 were there" in run(photographs, out).stdout

    def test_nor_are_those_of_another_strength(self, tmp_path, photographs):
        out = tmp_path / "out"
        assert "5 denoised" in run(photographs, out, "--strength", 50).stdout
        assert "5 were there" in run(photographs, out, "--strength", 50).stdout
        refused = str(run(photographs, out).exception)
        assert f"{out} holds results of nlm at 50 %, not of nlm." in refused
        noisy, half = (read_photo(f / "a.png").pixels for f in (photographs, out))
        assert "5 denoised" in run(photographs, out, "--overwrite").stdout
        mean = (noisy + read_photo(out / "a.png").pixels.astype(float)) / 2
        np.testing.assert_allclose(half, mean, atol=0.51)

    def test_old_results_never_pass_for_new_ones(self, tmp_path, photographs):
        """While they are replaced, the folder is still said to be the old method's."""
        out = tmp_path / "out"
        run(photographs, out)
        (out / ".casestudy-denoised").write_text("old\n")

        def stopped(pixels):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            denoise_folder(lambda: stopped, "new", photographs, out, overwrite=True)
        with pytest.raises(CaseStudyError, match="holds results of old, not of new"):
            denoise_folder(lambda: stopped, "new", photographs, out)

    def test_a_folder_of_unknown_results_goes_on_as_it_is(self, tmp_path, photographs):
        out = tmp_path / "out"
        run(photographs, out)
        (out / ".casestudy-denoised").unlink()
        (out / "b.jpg").unlink()
        assert "1 denoised, 4 were there" in run(photographs, out).stdout
        assert not (out / ".casestudy-denoised").exists()

    def test_a_target_around_the_source(self, tmp_path, photographs, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "photographs" / ".hidden.png").write_text("no image")
        assert "5 denoised" in run("photographs", ".").stdout
        assert (tmp_path / "below" / "c.tif").exists()

    def test_results_are_replaced_when_asked(self, tmp_path, photographs):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "a.png").write_text("old")
        assert "5 denoised" in run(photographs, tmp_path / "out", "--overwrite").stdout
        assert read_photo(tmp_path / "out" / "a.png").pixels.shape == (96, 128, 3)

    def test_it_goes_on_where_it_was_stopped(self, tmp_path, photographs):
        run(photographs, tmp_path / "out")
        (tmp_path / "out" / "b.jpg").unlink()
        before = (tmp_path / "out" / "a.png").stat().st_mtime_ns
        assert "1 denoised, 4 were there" in run(photographs, tmp_path / "out").stdout
        assert (tmp_path / "out" / "a.png").stat().st_mtime_ns == before

    def test_two_calls_share_the_work(self, tmp_path, photographs):
        """One denoises everything while the other is at its first photograph."""
        target, others = tmp_path / "out", []

        def denoise(pixels):
            if not others:
                others.append(None)
                others[0] = denoise_folder(lambda: no_change, "nothing", photographs, target)
            return pixels

        outcome = denoise_folder(lambda: denoise, "nothing", photographs, target)
        assert len(outcome.done) == 1 and len(outcome.skipped) == 4 and not outcome.failed
        assert len(others[0].done) == 5

    def test_photographs_that_keep_their_noise_are_told(
        self, tmp_path, photographs, pair, without_effect
    ):
        Image.fromarray(pair[1]).save(photographs / "clean.png")
        result = run(photographs, tmp_path / "out")
        assert result.exit_code == 0 and "6 denoised" in result.stdout
        told = [line for line in result.stderr.splitlines() if "Hardly any noise" in line]
        assert len(told) == 5 and told[0].startswith(f"{photographs / 'a.png'}: ")
        assert "clean.png" not in result.stderr

    def test_nothing_is_loaded_when_all_is_done(self, tmp_path, photographs):
        run(photographs, tmp_path / "out")
        outcome = denoise_folder(never_loaded, "nlm", photographs, tmp_path / "out")
        assert len(outcome.skipped) == 5

    def test_bad_files_are_reported_and_the_others_done(self, tmp_path, photographs):
        (photographs / "text.png").write_text("hello")
        content = (photographs / "b.jpg").read_bytes()
        (photographs / "cut.jpg").write_bytes(content[: len(content) // 2])
        header = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
        (photographs / "huge.png").write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + struct.pack(">I", 13)
            + header
            + struct.pack(">I", zlib.crc32(header))
            + b"\0\0\0\0IDAT"
        )
        (photographs / "notes.txt").write_text("hello")
        result = run(photographs, tmp_path / "out")
        assert result.exit_code == 1 and "5 denoised, 0 were there, 3 failed" in result.stdout
        for name, said in (
            ("text.png", "is not a PNG"),
            ("cut.jpg", "damaged or cut off"),
            ("huge.png", "megapixels"),
            ("notes.txt", "left out"),
        ):
            line = next(x for x in result.stderr.splitlines() if name in x)
            assert said in line
        assert len(files(tmp_path / "out")) == 5

    def test_one_failure_of_the_system_does_not_end_the_others(self, tmp_path, photographs):
        def denoise(pixels):
            if pixels.shape[0] == 10:
                raise OSError(5, "Input/output error")
            return pixels

        Image.new("RGB", (10, 10)).save(photographs / "broken.png")
        outcome = denoise_folder(lambda: denoise, "nothing", photographs, tmp_path / "out")
        assert len(outcome.done) == 5
        (path, message), *others = outcome.failed.items()
        assert path == photographs / "broken.png" and not others
        assert message.startswith(f"{path}: Input/output error. ")

    def test_a_failure_is_told_at_once(self, tmp_path, photographs, capsys):
        def denoise(pixels):
            told.append(capsys.readouterr().err)
            return pixels

        told = []
        (photographs / "a.png").write_text("hello")
        denoise_folder(lambda: denoise, "nothing", photographs, tmp_path / "out")
        assert f"{photographs / 'a.png'} is not a PNG" in told[0] and len(told) == 4

    @pytest.mark.parametrize("overwrite, said", [((), "resumes"), (("--overwrite",), "starts")])
    def test_ctrl_c_ends_with_a_sentence(self, tmp_path, photographs, overwrite, said):
        Image.effect_noise((4000, 4000), 40).save(photographs / "z.png")  # half a minute's work
        command = Path(sys.executable).with_name("casestudy")
        arguments = ["denoise", "--model", "nlm", photographs, tmp_path / "out", *overwrite]
        with subprocess.Popen(
            [command, *arguments],
            stderr=subprocess.PIPE,
            text=True,
            # A test run started in the background ignores SIGINT, and its children would too.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        ) as process:
            while not (tmp_path / "out" / "e.bmp").exists() and process.poll() is None:
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            errors = process.stderr.read()
        assert process.returncode == 130 and "Traceback" not in errors
        assert f"Stopped. The same command {said}" in errors
        assert len(files(tmp_path / "out")) == 5

    def test_source_and_target_must_differ(self, photographs):
        assert "replace their sources" in str(run(photographs, photographs).exception)

    @pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
    def test_no_source_is_replaced(self, tmp_path, photographs, overwrite):
        """Neither a photograph that its result's name links to, nor another one of the folder."""
        (tmp_path / "e.bmp").symlink_to(photographs / "e.bmp")
        (photographs / "photographs").mkdir()
        Image.open(photographs / "a.png").rotate(90).save(photographs / "photographs" / "a.png")
        before = {name: (photographs / name).read_bytes() for name in files(photographs)}
        result = run(photographs, tmp_path, *overwrite)
        assert result.exit_code == 1 and "4 denoised, 0 were there, 2 failed" in result.stdout
        for name in ("e.bmp", "photographs/a.png"):
            assert f"{photographs / name}: its result would replace" in result.stderr
        assert {name: (photographs / name).read_bytes() for name in before} == before

    def test_a_folder_without_photographs(self, tmp_path):
        (tmp_path / "empty").mkdir()
        assert "no photograph" in str(run(tmp_path / "empty", tmp_path / "out").exception)

    def test_a_target_that_is_a_file(self, tmp_path, photographs):
        (tmp_path / "file").touch()
        assert "is a file" in str(run(photographs, tmp_path / "file").exception)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    @pytest.mark.parametrize("mode", [0o000, 0o644])
    def test_a_folder_that_cannot_be_read_is_reported(self, tmp_path, photographs, mode):
        (photographs / "below").chmod(mode)
        result = run(photographs, tmp_path / "out")
        (photographs / "below").chmod(0o755)
        assert result.exit_code == 1 and "3 denoised" in result.stdout
        assert str(photographs / "below") in result.stderr

    def test_a_target_that_cannot_be_written(self, tmp_path, photographs):
        (tmp_path / "file").touch()
        target = tmp_path / "file" / "out"
        with pytest.raises(CaseStudyError, match=f"{target}.* cannot be written"):
            denoise_folder(never_loaded, "nlm", photographs, target)
        with pytest.raises(CaseStudyError, match=f"{target}.* cannot be written"):
            denoise_file(never_loaded, photographs / "a.png", target / "a.png")
