"""The page of the web app; `casestudy app` serves it, `queue` does the work."""

import re
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image
from starlette.formparsers import MultiPartParser

from casestudy import CaseStudyError
from casestudy.commands.web_app import queue
from casestudy.data.catalogue import Pair, load_pairs
from casestudy.data.patches import split_pairs
from casestudy.files.folders import reports_root
from casestudy.files.photos import FORMATS, SUFFIXES, Photo, as_rgb
from casestudy.models import NETWORKS, released
from casestudy.results import real_noise
from casestudy.results.metrics import psnr, ssim
from casestudy.results.slider import slider_html

BEST_NETWORK = "ridnet"
RUNTIMES = {  # not Keras: the server would keep the memory that TensorFlow takes
    "litert-int8": "8-bit integers (fast)",
    "openvino-int8": "8-bit integers, OpenVINO (fast on older processors)",
    "litert": "Floats",
}
CROP = 192  # px
AMPLIFIED = 3
# A frame is as high as what it holds, so that cannot be a part of the frame's height.
FRAME = """<style>
:root { color-scheme: light dark }
.before-after.before-after { width: min(100%, var(--columns), 700px * var(--ratio)) }
</style>"""


@st.cache_resource(show_spinner=False)
def line() -> queue.Line:
    """Return the one line of the process in which everybody's photographs wait."""
    # Starlette would write what is larger than 1 MB to a temporary file.
    MultiPartParser.spool_max_size = queue.MAX_BYTES + (1 << 20)
    return queue.Line()


@st.cache_resource(show_spinner=False)
def samples() -> dict[str, Pair]:
    """Return the captures that no network has seen, by what they are called here."""
    return {f"{p.scene}, {p.camera}, ISO {p.iso}": p for p in split_pairs(load_pairs("sample"))[2]}


def denoise_tab() -> None:
    """Choose a photo, denoise it, look at the result, take it home."""
    line()
    way = st.radio("Photo", ["Sample image", "Upload"], horizontal=True, key="way")
    st.session_state.setdefault("chosen", None)
    if way == "Upload":
        choose_upload()
    else:
        choose_sample()
    photo = st.session_state.get("photo")
    if photo is None:
        return
    for sentence in photo.conversions:
        st.info(sentence)
    choice = start(photo)
    job = st.session_state.get("job")
    if job is not None and not job.over:
        progress()
    elif job is not None and job.state == "done":
        result(job, choice)
    elif job is None:
        height, width = photo.pixels.shape[:2]
        st.image(preview(photo), caption=f"{width} × {height} pixels, before")
    elif job.state == "stopped":
        st.info("Stopped. Nothing was changed.")
    else:
        st.error(job.error)


def choose_sample() -> None:
    names = list(samples())
    name = st.selectbox("Sample image, simulated camera noise", names, len(names) - 1)
    if chosen(name):
        noisy, st.session_state.clean = samples()[name].load()
        st.session_state.photo = Photo(noisy)


def choose_upload() -> None:
    megapixels = f"{queue.max_pixels() / 1e6:g} megapixels"
    file = st.file_uploader(
        f"PNG, JPEG, WebP or TIFF, up to {megapixels}",
        type=[suffix.removeprefix(".") for suffix in SUFFIXES],
        max_upload_size=queue.MAX_BYTES >> 20,
        help="It is processed in memory and not kept.",
    )
    if chosen(file and file.file_id) and file is not None:
        try:
            st.session_state.photo = queue.open_photo(file.getvalue(), file.name)
            st.session_state.name = queue.stem(file.name)
        except CaseStudyError as error:
            st.session_state.refused = str(error)
    if st.session_state.get("refused"):
        st.error(st.session_state.refused)


def chosen(source: str | None) -> bool:
    """Tell whether a photo is chosen anew; all that belongs to another one is then forgotten."""
    if st.session_state.chosen == source:
        return False
    forget_job()
    for key in ("photo", "clean", "refused", "name"):
        st.session_state.pop(key, None)
    st.session_state.chosen = source
    return True


def forget_job() -> None:
    job = st.session_state.pop("job", None)
    if job is not None:
        job.stop()


def runtimes() -> list[str]:
    """Return the runtimes that are installed."""
    there = find_spec("openvino") and find_spec("nncf")
    return [name for name in RUNTIMES if there or not name.startswith("openvino")]


def methods() -> dict[str, str]:
    """Return how the page calls every method by its name: released networks, then NLM."""
    labels = {}
    for name in released.titles():
        title, remark = NETWORKS[name].title, NETWORKS[name].remark
        labels[name] = title[0].upper() + title[1:] + (f" ({remark})" if remark else "")
    return labels | {"nlm": "Non-Local Means (no network)"}


def way_named(network: str, runtime: str) -> str:
    label = methods()[network]
    return label if network == "nlm" else f"{label}, {RUNTIMES[runtime]}"


def start(photo: Photo) -> str:
    """Let choose how to denoise, and begin when asked to; return the name of what is chosen."""
    left, right = st.columns(2)
    labels = methods()
    network = left.selectbox(
        "Network",
        labels,
        index=list(labels).index(BEST_NETWORK),
        format_func=labels.get,
        key="network",
    )
    runtime = right.selectbox(
        "Runs in",
        runtimes(),
        format_func=RUNTIMES.get,
        disabled=network == "nlm",
        help="8-bit integers lose a little quality and need a quarter of the time.",
    )
    if st.button("Denoise", type="primary", width="stretch"):
        job = queue.Job(photo, network, runtime)
        try:
            line().join(job)
            forget_job()  # not before: where the line is full, what was there stays
            st.session_state.job = job
        except CaseStudyError as error:
            st.error(str(error))
    return way_named(network, runtime)


@st.fragment(run_every=0.5)
def progress() -> None:
    """Show how far the work is, until it is over."""
    job = st.session_state.get("job")
    if job is None or job.over:
        st.rerun()
    job.look()
    before = line().place(job)
    if job.stopping:
        text = "Stopping"
    elif before:
        text = f"Waiting: {before} before you"
    elif job.state == "preparing":
        text = "Preparing the network; that takes a while only once"
    elif job.seconds_left is None:
        text = "Working"
    else:
        text = f"Working: {job.share:.0%}, about {job.seconds_left:.0f} s left"
    st.progress(job.share, text)
    if st.button("Stop", width="stretch", disabled=job.stopping):
        job.stop()
        st.rerun()


def result(job: queue.Job, choice: str) -> None:
    made_by = way_named(job.network, job.runtime)
    hint = st.empty()  # else all below moves when it comes, and is seen twice for a moment
    if made_by != choice:
        hint.info(f"This was made by {made_by}. Press Denoise to make it anew by {choice}.")
    strength = st.slider(
        "Strength, %", 0, 100, 100, 5, help="Less leaves a part of the noise. No waiting."
    )
    before = job.photo.pixels
    blended = replace(job.photo, pixels=queue.blend(before, job.denoised.pixels, strength / 100))
    noisy, denoised = as_rgb(before), as_rgb(blended.pixels)
    height, width = noisy.shape[:2]
    st.iframe(
        FRAME + slider_html(noisy, denoised, ("before", "after")),
        alt=f"The photo before and after under a divider, {width} × {height} pixels",
    )
    clean = st.session_state.get("clean")
    scores(job, noisy, denoised, clean)
    closer(noisy, denoised, clean)
    downloads(blended)


def scores(job: queue.Job, noisy: np.ndarray, denoised: np.ndarray, clean) -> None:
    """Show the time taken and, where the truth is known, how near to it the result is."""
    time, *others = st.columns(1 if clean is None else 3)
    megapixels = noisy.shape[0] * noisy.shape[1] / 1e6
    time.metric("Time taken", f"{job.seconds:.1f} s")
    time.caption(f"{way_named(job.network, job.runtime)}, {megapixels:.3g} megapixels")
    if clean is None:
        return
    scaled = [image / np.float32(255) for image in (clean, noisy, denoised)]
    for column, name, metric, form in zip(
        others, ("PSNR", "SSIM"), (psnr, ssim), ("{:.2f} dB", "{:.3f}"), strict=True
    ):
        was, now = metric(scaled[0], scaled[1]), metric(scaled[0], scaled[2])
        column.metric(name, form.format(now), f"{now - was:+.2f}" + " dB" * (name == "PSNR"))
        column.caption(f"{form.format(was)} before")


def closer(noisy: np.ndarray, denoised: np.ndarray, clean) -> None:
    """Show a part at full resolution, and what was removed there."""
    st.subheader("Closer")
    height, width = noisy.shape[:2]
    across, down = st.columns(2)
    left = part("Across, %", across, width)
    top = part("Down, %", down, height)
    area = np.s_[top : top + CROP, left : left + CROP]
    views = {"before": noisy[area], "after": denoised[area]}
    if clean is not None:
        views["truth"] = clean[area]
    views[f"removed, × {AMPLIFIED}"] = queue.residual(noisy[area], denoised[area], AMPLIFIED)
    for column, (caption, view) in zip(st.columns(len(views)), views.items(), strict=True):
        column.image(enlarged(view), caption=caption)


def part(label: str, column, side: int) -> int:
    return int(column.slider(label, 0, 100, 50) / 100 * max(side - CROP, 0))


def enlarged(view: np.ndarray) -> np.ndarray:
    """Repeat pixels, so that browsers do not smooth them."""
    times = max(1, 2 * CROP // max(view.shape[:2]))
    return view.repeat(times, axis=0).repeat(times, axis=1)


def preview(photo: Photo, longest: int = 1200) -> np.ndarray:
    step = max(1, max(photo.pixels.shape[:2]) // longest)
    return as_rgb(photo.pixels[::step, ::step])


def downloads(photo: Photo) -> None:
    st.subheader("Download")
    name = f"{st.session_state.get('name', 'sample')}-denoised"
    for column, (format, suffix) in zip(
        st.columns(2), (("PNG", "png"), ("JPEG", "jpg")), strict=True
    ):
        column.download_button(
            f"Download {format}",
            partial(queue.encode, photo, format),  # encoded when asked for
            f"{name}.{suffix}",
            f"image/{format.lower()}",
            on_click="ignore",
            width="stretch",
        )
    st.caption(
        "At full resolution, with the photo's EXIF and colour profile. JPEG is 8 bits, without "
        "transparency."
    )


def about_tab() -> None:
    """Tell what the networks are, what they reach and where they fail."""
    st.markdown(
        "Networks that were trained to remove the noise of cameras, and a classical filter, "
        "Non-Local Means, that was not. A network guesses what noise has hidden, so a denoised "
        "photo is no evidence of a detail.\n\n"
        "**Your photos** are processed in the memory of the server and not kept: nothing is "
        "written to disk. All is forgotten when you choose another photo. You cannot come back to "
        "a page that you closed or loaded anew: what it held is kept for two minutes, in case no "
        "more than the connection was lost, and then until somebody else comes or goes. "
        f"{', '.join(FORMATS)} are read, of up to "
        f"{queue.max_pixels() / 1e6:g} megapixels and {queue.MAX_BYTES >> 20} MB."
    )
    real, crops, noisy_psnr = real_scores()
    st.subheader("Scores on real noise")
    show_scores(real)
    st.caption(
        f"Means over {crops} crops of PolyU's photographs, of scenes that no network was "
        f"trained on; noisy they have {noisy_psnr:.2f} dB. The filters "
        "Non-Local Means (NLM) and BM3D were tuned on other scenes of this set."
    )
    results = reference_results()
    if results is not None:
        st.subheader("Scores on simulated noise")
        show_scores(results)
        st.caption("Means over the test patches of `sample`, from the reference report.")
    st.subheader("Model cards")
    for title, card in cards().items():
        with st.expander(title):
            st.markdown(card)


def show_scores(table: pd.DataFrame) -> None:
    columns = {
        "method": "method",
        "psnr_db": st.column_config.NumberColumn("PSNR, dB", format="%.2f"),
        "gain_db": st.column_config.NumberColumn("gain, dB", format="%+.2f"),
        "ssim": st.column_config.NumberColumn("SSIM", format="%.3f"),
        "seconds_per_megapixel": st.column_config.NumberColumn(
            "s per megapixel (Keras)", format="%.1f"
        ),
    }
    there = [name for name in columns if name in table]
    st.dataframe(table, hide_index=True, column_order=there, column_config=columns)


@st.cache_data(show_spinner=False)
def real_scores() -> tuple[pd.DataFrame, int, float]:
    """Return every method's scores on real noise, of how many crops, and their PSNR if noisy."""
    scores = real_noise.read_scores()
    crops = scores.drop_duplicates("image")
    return real_noise.leads(scores), len(crops), crops["noisy_psnr_db"].mean()


@st.cache_data(show_spinner=False)
def cards() -> dict[str, str]:
    """Return the model cards by title, with headings that are smaller than the page's."""
    texts = {}
    for network, title in released.titles().items():
        text = released.released_file(network, ".md").read_text().split("---\n", 2)[2]
        texts[title] = re.sub(r"^#", "###", text, flags=re.MULTILINE)
    return texts


@st.cache_data(show_spinner=False)
def reference_results() -> pd.DataFrame | None:
    """Return the reference report's scores, which a clone has and an installed copy has not."""
    try:
        return pd.read_csv(reports_root() / "reference" / "results.csv")
    except (CaseStudyError, FileNotFoundError):
        return None


def icon() -> Image.Image:
    """Return a picture for the browser's tab, half noisy; named icons come from elsewhere."""
    noisy = np.random.default_rng(0).normal(140, 60, (32, 16, 1)).clip(0, 255)
    both = np.hstack([noisy, np.full((32, 16, 1), 140)])
    return Image.fromarray(both.repeat(3, axis=2).astype(np.uint8))


def main() -> None:
    st.set_page_config("Denoise a photo", icon())
    st.title("Denoise a photo")
    # Streamlit forgets what was chosen on a page that is not shown, and tabs are one page.
    denoising, about = st.tabs(["Denoise", "About"])
    with about:  # before what may end the run early
        about_tab()
    with denoising:
        denoise_tab()


if __name__ == "__main__":
    main()
