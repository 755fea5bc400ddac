"""The page of the web app. `casestudy app` serves it, and `queue` does the work."""

import re
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from casestudy import CaseStudyError
from casestudy.commands.web_app import queue
from casestudy.data.catalogue import Pair, load_pairs
from casestudy.data.patches import split_pairs
from casestudy.denoising.strength import blend
from casestudy.files.folders import reports_root
from casestudy.files.photos import FORMATS, Photo, as_rgb
from casestudy.models import NETWORKS, RECOMMENDED, released
from casestudy.results import real_noise
from casestudy.results.metrics import psnr, ssim
from casestudy.results.slider import slider_html

RUNTIMES = {  # without Keras, because the server would keep the memory that TensorFlow takes
    "litert-int8": "8-bit integers (fast)",
    "openvino-int8": "8-bit integers, OpenVINO (fast on older processors)",
    "litert": "Floats",
}
CROP = 192  # px
AMPLIFIED = 3  # times, for what was removed
# The frame adapts its height to the content, whose size may thus not depend on that height.
FRAME = """<style>
:root { color-scheme: light dark }
.before-after.before-after { width: min(100%, var(--columns), 700px * var(--ratio)) }
</style>"""


@st.cache_resource(show_spinner=False)
def samples() -> dict[str, Pair]:
    """Return photographs that no network was trained on, by their labels on the page."""
    real = {f"{p.scene}, by a phone ({p.id})": p for p in load_pairs("phones")}
    simulated = split_pairs(load_pairs("sample"))[2]
    return real | {f"{p.scene}, simulated {p.camera}, ISO {p.iso}": p for p in simulated}


def denoise_tab() -> None:
    """Let people choose a photo, denoise it, and look at and download the result."""
    queue.line()
    st.session_state.setdefault("chosen", None)
    if st.radio("Photo", ["Sample image", "Upload"], horizontal=True, key="way") == "Upload":
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
    if job is None:
        preview(photo)
    elif not job.over:
        progress()
    elif job.state == "done":
        result(job, choice)
    elif job.state == "stopped":
        st.info("Stopped. Nothing was changed.")
    else:
        st.error(job.error)


def choose_sample() -> None:
    name = st.selectbox("Sample image", list(samples()))
    if chosen(name):
        noisy, st.session_state.clean = samples()[name].load()
        st.session_state.photo = Photo(noisy)


def choose_upload() -> None:
    file = st.file_uploader(
        f"PNG, JPEG, WebP or TIFF, up to {queue.max_pixels() / 1e6:g} megapixels",
        type="image",  # for the dialog; Streamlit answers names it does not allow by a traceback
        help="The photo is processed in memory and not kept.",
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
    """Return whether another photo than before is chosen; if so, forget the one before."""
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
    return [name for name in RUNTIMES if there or name != "openvino-int8"]


def methods() -> dict[str, str]:
    """Return the labels of all methods by their names: released networks, then NLM."""
    labels = {}
    for name in released.titles():
        title, remark = NETWORKS[name].title, NETWORKS[name].remark
        labels[name] = title[0].upper() + title[1:] + (f" ({remark})" if remark else "")
    return labels | {"nlm": "Non-Local Means (no network)"}


def way_named(network: str, runtime: str) -> str:
    label = methods()[network]
    return label if network == "nlm" else f"{label}, {RUNTIMES[runtime]}"


def start(photo: Photo) -> str:
    """Let people choose a method and start it; return the label of the chosen method."""
    left, right = st.columns(2)
    labels = methods()
    network = left.selectbox(
        "Network",
        labels,
        index=list(labels).index(RECOMMENDED),
        format_func=labels.get,
        key="network",
    )
    runtime = right.selectbox(
        "Runs in",
        runtimes(),
        format_func=RUNTIMES.get,
        disabled=network == "nlm",
        help="8-bit integers take a quarter of the time and cost a little quality.",
    )
    if st.button("Denoise", type="primary", width="stretch"):
        job = queue.Job(photo, network, runtime)
        try:
            queue.line().join(job)
            forget_job()  # only now, so that the last result stays if the line is full
            st.session_state.job = job
        except CaseStudyError as error:
            st.error(str(error))
    return way_named(network, runtime)


@st.fragment(run_every=0.5)
def progress() -> None:
    """Show the progress of the work until it is over."""
    job = st.session_state.get("job")
    if job is None or job.over:
        st.rerun()
    job.look()
    before = queue.line().place(job)
    if job.stopping:
        text = "Stopping"
    elif before:
        text = f"Waiting: {before} before you"
    elif job.state == "preparing":
        text = "Preparing the network, which takes a while the first time"
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
    hint = st.empty()  # keeps its place, so that nothing below moves when it is filled
    if made_by != choice:
        hint.info(f"This was made by {made_by}. Press Denoise to make it again by {choice}.")
    if job.noise_stays:
        st.warning(
            "Hardly any noise was removed: it is of a kind that this network does not know, or it "
            "is fine detail. Try another method, such as Non-Local Means."
        )
    help_text = "Below 100 %, a part of the noise stays. The change takes effect at once."
    strength = st.slider("Strength, %", 0, 100, 100, 5, help=help_text)
    before = job.photo.pixels
    blended = replace(job.photo, pixels=blend(before, job.denoised.pixels, strength / 100))
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
    """Show the time taken and, where the clean image is known, PSNR and SSIM."""
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
    left, top = (
        int(column.slider(label, 0, 100, 50) / 100 * max(side - CROP, 0))
        for column, label, side in zip(
            st.columns(2), ("Across, %", "Down, %"), noisy.shape[1::-1], strict=True
        )
    )
    area = np.s_[top : top + CROP, left : left + CROP]
    views = {"before": noisy[area], "after": denoised[area]}
    if clean is not None:
        views["clean"] = clean[area]
    views[f"removed, × {AMPLIFIED}"] = queue.residual(noisy[area], denoised[area], AMPLIFIED)
    for column, (caption, view) in zip(st.columns(len(views)), views.items(), strict=True):
        times = max(1, 2 * CROP // max(view.shape[:2]))  # repeated, or browsers smooth pixels
        column.image(view.repeat(times, axis=0).repeat(times, axis=1), caption=caption)


def preview(photo: Photo, longest: int = 1200) -> None:
    height, width = photo.pixels.shape[:2]
    step = max(1, max(height, width) // longest)
    reduced = as_rgb(photo.pixels[::step, ::step])
    st.image(reduced, caption=f"{width} × {height} pixels, before")


def downloads(photo: Photo) -> None:
    st.subheader("Download")
    name = f"{st.session_state.get('name', 'sample')}-denoised"
    formats = {"PNG": "png", "JPEG": "jpg"}
    for column, (format, suffix) in zip(st.columns(2), formats.items(), strict=True):
        column.download_button(
            f"Download {format}",
            partial(queue.encode, photo, format),  # encoded only if it is clicked
            f"{name}.{suffix}",
            f"image/{format.lower()}",
            on_click="ignore",
            width="stretch",
        )
    st.caption(
        "Both have full resolution, and the photo's EXIF and colour profile. JPEG has 8 bits per "
        "channel and no transparency."
    )


def about_tab() -> None:
    """Show what the networks do, their scores and their model cards."""
    st.markdown(
        "The networks were trained to remove the noise of cameras. Non-Local Means is a classical "
        "filter, which needs no training. A network guesses what the noise has hidden, so a "
        "denoised photo does not prove that a detail was there.\n\n"
        "**Your photos** are processed in the server's memory. They are not written to disk, and "
        "a photo is forgotten when you choose another one. You cannot return to a page that you "
        "closed or reloaded. The server keeps its photo for two minutes, in case only the "
        "connection was lost, and then until another visitor opens or closes the page. "
        f"The formats are {', '.join(FORMATS)}, up to {queue.max_pixels() / 1e6:g} megapixels and "
        f"{queue.MAX_BYTES >> 20} MB."
    )
    real, crops, noisy_psnr = real_scores()
    st.subheader("Scores on real noise")
    show_scores(real)
    st.caption(
        f"Means over {crops} crops of PolyU's photographs, of scenes that no network was trained "
        f"on. The noisy crops have a PSNR of {noisy_psnr:.2f} dB. The filters Non-Local Means "
        "(NLM) and BM3D were tuned on other scenes of PolyU."
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
    st.dataframe(table, hide_index=True, column_order=columns, column_config=columns)


@st.cache_data(show_spinner=False)
def real_scores() -> tuple[pd.DataFrame, int, float]:
    """Return all methods' scores on real noise, the number of crops, and their noisy PSNR."""
    scores = real_noise.scores_on_polyu()
    crops = scores.drop_duplicates("image")
    return real_noise.leads(scores), len(crops), crops["noisy_psnr_db"].mean()


@st.cache_data(show_spinner=False)
def cards() -> dict[str, str]:
    """Return the model cards by title, with headings smaller than the page's."""
    texts = {}
    for network, title in released.titles().items():
        text = released.released_file(network, ".md").read_text().split("---\n", 2)[2]
        texts[title] = re.sub(r"^#", "###", text, flags=re.MULTILINE)
    return texts


@st.cache_data(show_spinner=False)
def reference_results() -> pd.DataFrame | None:
    """Return the scores of the reference report, which only a clone has."""
    try:
        return pd.read_csv(reports_root() / "reference" / "results.csv")
    except (CaseStudyError, FileNotFoundError):
        return None


def icon() -> Image.Image:
    """Return a picture for the browser's tab; named icons come from other servers."""
    noisy = np.random.default_rng(0).normal(140, 60, (32, 16, 1)).clip(0, 255)
    both = np.hstack([noisy, np.full((32, 16, 1), 140)])
    return Image.fromarray(both.repeat(3, axis=2).astype(np.uint8))


def main() -> None:
    st.set_page_config("Denoise a photo", icon())
    st.title("Denoise a photo")
    # Tabs, because Streamlit forgets the choices made on a page that is not shown.
    denoising, about = st.tabs(["Denoise", "About"])
    with about:  # first, because the other tab may end the run early
        about_tab()
    with denoising:
        denoise_tab()


if __name__ == "__main__":
    main()
