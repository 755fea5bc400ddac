"""The figures of the notebooks. Each function returns the figure; none shows or saves it.

Images keep one fixed scale, [0, 255] in uint8 or [0, 1] in float, and are drawn pixel by pixel,
so that panels can be compared.
"""

from collections.abc import Iterable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from casestudy.results.noise_kinds import EDGES, NoiseKind

NOISY, CLEAN = "#c1543c", "#2f6f8f"  # the colours of noisy and clean in every plot
KERNEL_COLOURS = ("#9fc5d8", "#4d8fae", "#1f4e66")  # the larger the kernel, the darker
CHANNELS = {"red": "#c0392b", "green": "#2e8b57", "blue": "#2c5fa8"}


def use_style() -> None:
    """Set the look of all figures and tables of a notebook."""
    pd.set_option("display.max_colwidth", None)
    sns.set_theme(style="whitegrid", context="notebook", font_scale=0.9)
    plt.rcParams.update({"figure.dpi": 100, "figure.constrained_layout.use": True})


def plot_intensity_histograms(noisy: np.ndarray, clean: np.ndarray) -> Figure:
    """Draw the histogram of each channel of a pair of uint8 images."""
    fig, axes = plt.subplots(1, 3, figsize=(10, 2.8), sharey=True)
    for channel, (ax, name) in enumerate(zip(axes, CHANNELS, strict=True)):
        for image, label, colour in ((noisy, "noisy", NOISY), (clean, "clean", CLEAN)):
            counts = np.bincount(image[..., channel].ravel(), minlength=256)
            ax.stairs(counts / counts.sum(), np.arange(257), fill=True, alpha=0.25, color=colour)
            ax.stairs(counts / counts.sum(), np.arange(257), label=label, color=colour)
        ax.set(title=name, xlabel="intensity (0-255)")
    axes[0].set_ylabel("share of pixels")
    axes[-1].legend()
    return fig


def plot_means(statistics: pd.DataFrame) -> Figure:
    """Draw the distribution of the mean pixel value of noisy and clean images."""
    long = statistics.melt(value_vars=["mean_noisy", "mean_clean"])
    long["variable"] = long["variable"].str.removeprefix("mean_")
    fig, ax = plt.subplots(figsize=(7, 3))
    sns.histplot(
        long,
        x="value",
        hue="variable",
        palette=[NOISY, CLEAN],
        bins=np.arange(0, 256, 15),
        kde=True,
        ax=ax,
    )
    ax.set(xlabel="mean pixel value of an image (0-255)", ylabel="images", xlim=(0, 255))
    ax.get_legend().set_title(None)
    return fig


def plot_quality(statistics: pd.DataFrame) -> Figure:
    """Draw histogram and density (PDF) of the PSNR and SSIM of noisy against clean."""
    fig, axes = plt.subplots(1, 2, figsize=(10, 3))
    for ax, column, label in zip(axes, ("psnr_db", "ssim"), ("PSNR (dB)", "SSIM"), strict=True):
        sns.histplot(statistics, x=column, stat="density", kde=True, color=NOISY, ax=ax)
        ax.set(xlabel=f"{label} of noisy against clean", ylabel="density")
    return fig


def plot_noise_by_intensity(measured: pd.DataFrame) -> Figure:
    """Draw noise against intensity: a column per camera, a row per channel, a line per ISO."""
    with plt.rc_context({"figure.constrained_layout.use": False}):  # seaborn lays out itself
        grid = sns.relplot(
            measured.assign(ISO=measured["iso"].astype(object).fillna("unknown")),
            x="intensity",
            y="sigma",
            hue="ISO",
            palette="flare" if measured["iso"].nunique() > 1 else None,
            row="channel",
            col="camera",
            kind="line",
            height=1.9,
            aspect=1.2,
            legend="full",
            facet_kws={"margin_titles": True},
        )
    grid.set_axis_labels("clean intensity", "")
    grid.figure.supylabel("noise, standard deviation (both of 255)", fontsize="medium")
    grid.set_titles(col_template="{col_name}", row_template="{row_name}")
    return grid.figure


def plot_noise_kinds(kinds: Mapping[str, NoiseKind]) -> Figure:
    """Draw kinds of noise side by side, a column each and a row per question.

    `kinds` is from `casestudy.results.noise_kinds.noise_kinds`.
    """
    rows = (_draw_closeup, _draw_by_brightness, _draw_neighbours, _draw_colours, _draw_density)
    fig, axes = plt.subplots(
        len(rows),
        len(kinds),
        figsize=(3.2 * len(kinds), 12.5),
        height_ratios=[1.15, 0.8, 1, 1, 0.8],
        squeeze=False,
    )
    for column, (label, kind) in zip(axes.T, kinds.items(), strict=True):
        for ax, draw in zip(column, rows, strict=True):
            draw(ax, kind)
        column[0].set_title(label, weight="bold", fontsize="large")
    axes[0, 0].set_ylabel("the noise alone, enlarged")
    axes[1, 0].set_ylabel("relative strength")
    axes[4, 0].set_ylabel("density (logarithmic)")
    return fig


def _draw_closeup(ax: Axes, kind: NoiseKind) -> None:
    ax.imshow(kind.closeup, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)


def _draw_by_brightness(ax: Axes, kind: NoiseKind) -> None:
    for _, line in kind.by_brightness.groupby("picture"):
        ax.plot(line["brightness"], line["relative"], color=NOISY, alpha=0.45, linewidth=1)
    ax.axhline(1, color="gray", linestyle=":")
    ax.set(title="strength by brightness", xlim=(0, 255), ylim=(0, 2))
    ax.set(xlabel="brightness (0-255)")


def _draw_neighbours(ax: Axes, kind: NoiseKind) -> None:
    middle = kind.neighbours.shape[0] // 2
    near = kind.neighbours[middle - 2 : middle + 3, middle - 2 : middle + 3]
    _draw_correlation(ax, near, range(-2, 3), range(-2, 3))
    ax.set(title="shared with neighbours", xlabel="columns apart", ylabel="rows apart")


def _draw_colours(ax: Axes, kind: NoiseKind) -> None:
    _draw_correlation(ax, kind.colours, CHANNELS, CHANNELS)
    ax.set(title="shared between colours")


def _draw_correlation(ax: Axes, values: np.ndarray, across: Iterable, down: Iterable) -> None:
    """Draw correlations as a table with coloured cells, on one scale in all panels."""
    ax.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
    ax.grid(False)
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if abs(value) > 0.6 else "black"
        text = f"{value:.2f}".replace("-0.00", "0.00")
        ax.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    ax.set_xticks(range(values.shape[1]), map(str, across))
    ax.set_yticks(range(values.shape[0]), map(str, down))


def _draw_density(ax: Axes, kind: NoiseKind) -> None:
    ax.stairs(kind.density, EDGES, fill=True, color=NOISY, alpha=0.45)
    x = np.linspace(EDGES[0], EDGES[-1], 200)
    ax.plot(x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), color=CLEAN, label="Gaussian")
    ax.set(title="distribution of its values", yscale="log", ylim=(1e-5, 1), xlim=(-6, 6))
    ax.set(xlabel="standard deviations from the mean")
    ax.legend(loc="lower center")


def plot_camera() -> Figure:
    """Draw the steps of the simulated camera of `casestudy.data.camera`, in three rows."""
    rows = {
        "1. A clean photograph is turned back into light.": (
            "clean\nphotograph",
            "tone curve and\ngamma undone",
            "colours of\nthe camera",
            "white balance\nundone",
            "one colour\nper pixel",
        ),
        "2. Noise is added to the light.": (
            "shot noise:\ngrows with light",
            "read noise:\neverywhere alike",
        ),
        "3. The camera develops it, which changes the noise.": (
            "white balance:\namplifies red, blue",
            "demosaicking:\nneighbours share it",
            "sRGB:\ncolours share it",
            "gamma, tone curve:\namplify the dark",
            "8 bits, JPEG:\nnoisy photograph",
        ),
    }
    fig, ax = plt.subplots(figsize=(10.5, 3.4))
    for row, (heading, steps) in enumerate(rows.items()):
        ax.text(-0.45, row - 0.42, heading, weight="bold", fontsize=11)
        for column, step in enumerate(steps):
            box = {"boxstyle": "round,pad=0.45", "facecolor": "white"}
            box["edgecolor"] = NOISY if row == 1 else CLEAN
            ax.text(column, row, step, ha="center", va="center", fontsize=9.5, bbox=box)
            if column:
                arrow = {"arrowstyle": "->", "color": "gray"}
                ax.annotate("", (column - 0.42, row), (column - 0.58, row), arrowprops=arrow)
    ax.set(xlim=(-0.5, 4.5), ylim=(2.35, -0.55))
    ax.set_axis_off()
    return fig


def plot_search(searches: Mapping[str, pd.DataFrame], noisy_psnr_db: np.ndarray) -> Figure:
    """Draw mean PSNR against filter strength for each method, and that of the noisy patches."""
    fig, ax = plt.subplots(figsize=(7, 3.2))
    for method, table in searches.items():
        ax.plot(table["strength"], table["psnr_db"], "o-", label=method)
    before = noisy_psnr_db[np.isfinite(noisy_psnr_db)].mean()
    ax.axhline(before, color="gray", linestyle=":", label="noisy input")
    ax.set(xlabel="strength (multiples of the estimated noise level)", ylabel="mean PSNR (dB)")
    ax.legend()
    return fig


def plot_history(history: pd.DataFrame, noisy_psnr_db: np.ndarray | None = None) -> Figure:
    """Draw training and validation loss, and the PSNR of the validation patches, by epoch.

    The mean of `noisy_psnr_db`, of the same patches before denoising, is drawn where it is known;
    patches without noise are in no mean.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
    left.plot(history["epoch"], history["loss"], "o-", color=CLEAN, label="training")
    left.plot(history["epoch"], history["val_loss"], "s-", color=NOISY, label="validation")
    errors = (history[["loss", "val_loss"]] > 0).all(axis=None)  # a negative PSNR is in dB
    left.set(ylabel="loss" if errors else "loss (dB)", yscale="log" if errors else "linear")
    left.legend()
    right.plot(history["epoch"], history["val_psnr_db"], "s-", color=NOISY, label="denoised")
    if noisy_psnr_db is not None:
        before = noisy_psnr_db[np.isfinite(noisy_psnr_db)].mean()
        right.axhline(before, color="gray", linestyle=":", label="noisy input")
        right.legend()
    right.set(ylabel="validation PSNR (dB)")
    for ax in (left, right):
        ax.set(xlabel="epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
    return fig


def plot_estimates(estimates: pd.DataFrame) -> Figure:
    """Draw estimated against true noise, one point per patch."""
    fig, ax = plt.subplots(figsize=(5, 3.6))
    ax.scatter(estimates["true"], estimates["estimated"], color=NOISY, alpha=0.7)
    ax.axline((0, 0), slope=1, color="gray", linewidth=1)
    ax.set(xlim=(0, None), ylim=(0, None))
    ax.set(xlabel="true noise (of full scale 1)", ylabel="estimated noise")
    return fig


def plot_attention(weights: pd.DataFrame, pictures: Mapping[str, np.ndarray]) -> Figure:
    """Draw two pictures, and the attention weight of each channel for both, by module.

    `weights` is from `casestudy.results.closeups.attention_weights`, of these pictures. Channels
    are in the order of their weight for the first one.
    """
    modules = weights["module"].unique()
    rows = -(-len(modules) // 2)
    fig, axes = _beside_pictures(pictures, rows, min(len(modules), 2))
    for ax, module in zip(axes.flat, modules, strict=True):
        wide = weights[weights["module"] == module].pivot(
            index="channel", columns="image", values="weight"
        )
        wide = wide.sort_values(next(iter(pictures)), ignore_index=True)
        for name, colour, marker in zip(pictures, (CLEAN, NOISY), "os", strict=True):
            ax.plot(wide.index, wide[name], marker, color=colour, ms=5, mfc="none", label=name)
        ax.axhline(0.5, color="gray", linestyle=":", linewidth=1)
        ax.set(title=module if len(modules) > 1 else "", ylim=(0, 1))
    for ax in axes[-1]:
        ax.set(xlabel="channels, in order of weight")
    for ax in axes[:, 0]:
        ax.set(ylabel="attention weight")
    axes[0, 0].legend()
    return fig


def plot_kernels(weights: pd.DataFrame, pictures: Mapping[str, np.ndarray]) -> Figure:
    """Draw two pictures, and the shares of the kernel sizes in each channel for both.

    `weights` is from `casestudy.results.closeups.kernel_weights`, of these pictures. Channels are
    in the order of the smallest kernel's share for the first one; a dot is on the largest share.
    """
    fig, axes = _beside_pictures(pictures, len(pictures), 1)
    order = None
    for ax, name in zip(axes[:, 0], pictures, strict=True):
        wide = weights[weights["image"] == name].pivot(
            index="channel", columns="kernel", values="weight"
        )
        order = wide[wide.columns[0]].argsort()[::-1] if order is None else order
        shares = wide.to_numpy()[order]
        places, below = np.arange(len(shares)), np.zeros(len(shares))
        for number, (kernel, colour) in enumerate(zip(wide.columns, KERNEL_COLOURS, strict=True)):
            share = shares[:, number]
            ax.bar(places, share, 0.9, below, color=colour, label=f"{kernel} × {kernel}")
            wins = shares.argmax(axis=1) == number
            ax.plot(places[wins], (below + share / 2)[wins], "o", color="white", markersize=4)
            below = below + share
        ax.set(ylabel=f"share, {name}", ylim=(0, 1), xticks=[])
        ax.grid(False)
    axes[-1, 0].set(xlabel="channels")
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles[::-1], labels[::-1], title="kernel", loc="outside right center")
    return fig


def _beside_pictures(
    pictures: Mapping[str, np.ndarray], rows: int, columns: int
) -> tuple[Figure, np.ndarray]:
    """Draw two pictures one above the other, and return the figure with axes to their right."""
    fig = plt.figure(figsize=(10, 4.8))
    left, right = fig.subfigures(1, 2, width_ratios=[1, 3])
    panels = left.subplots(len(pictures), 1)
    for ax, (name, picture) in zip(panels, pictures.items(), strict=True):
        ax.imshow(picture, interpolation="nearest")
        ax.set_title(name, fontsize="medium")
        ax.set_axis_off()
    return fig, right.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)


def plot_gain_by_noise(scores: pd.DataFrame) -> Figure:
    """Draw each test patch's gain against the quality of its noisy input, by method."""
    others = scores[scores["method"] != "noisy"]
    others = others.assign(noisy_db=others["psnr_db"] - others["gain_db"])
    ranked = others.groupby("method")["gain_db"].mean().sort_values(ascending=False).index
    fig, ax = plt.subplots(figsize=(10, 4))
    sns.scatterplot(
        others,
        x="noisy_db",
        y="gain_db",
        hue="method",
        style="method",
        hue_order=ranked,
        style_order=ranked,
        palette="colorblind",
        alpha=0.7,
        ax=ax,
    )
    ax.axhline(0, color="gray", linewidth=1)
    ax.set(xlabel="PSNR of the noisy patch (dB)", ylabel="gain in PSNR (dB)")
    sns.move_legend(ax, "center left", bbox_to_anchor=(1, 0.5), title=None)
    return fig


def plot_summary(summary: pd.DataFrame) -> Figure:
    """Draw mean gain and SSIM of each method with their bootstrap intervals."""
    fig, axes = plt.subplots(1, 2, figsize=(10, 0.5 * len(summary) + 1.2), sharey=True)
    ordered = summary.iloc[::-1]
    columns = {"gain_db": "mean gain in PSNR (dB)", "ssim": "mean SSIM"}
    for ax, (column, label) in zip(axes, columns.items(), strict=True):
        mean, stem = ordered[column], column.removesuffix("_db")
        errors = [mean - ordered[f"{stem}_low"], ordered[f"{stem}_high"] - mean]
        ax.errorbar(mean, ordered["method"], xerr=errors, fmt="o", color=CLEAN, capsize=4)
        ax.set(xlabel=f"{label}, 95 % interval")
        ax.margins(y=0.15)
    return fig


def plot_quality_by_cost(summary: pd.DataFrame) -> Figure:
    """Draw gain over noisy against seconds per megapixel, and against parameters."""
    methods = summary[summary["method"] != "noisy"]
    fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
    costs = {"seconds_per_megapixel": "seconds per megapixel", "millions": "million parameters"}
    methods = methods.assign(millions=methods["parameters"] / 1e6)
    for ax, (column, label) in zip(axes, costs.items(), strict=True):
        shown = methods[methods[column] > 0]  # a filter without parameters has no place there
        _label_points(ax, shown[column], shown["gain_db"], shown["method"])
        ax.axhline(0, color="gray", linewidth=1)
        ax.set(xlabel=label)
    axes[0].set(ylabel="mean gain in PSNR (dB)")
    return fig


def plot_variants(table: pd.DataFrame) -> Figure:
    """Draw size, time and loss of networks' variants.

    `table` is from `casestudy.results.quantized.measure_variants`, by network and variant.
    """
    labels = {
        "size_mb": "MB",
        "seconds_per_megapixel": "seconds per megapixel",
        "lost_db": "PSNR lost (dB)",
    }
    fig, axes = plt.subplots(1, 3, figsize=(10, 4.2), sharey=True)
    for ax, (column, label) in zip(axes, labels.items(), strict=True):
        sns.barplot(table.reset_index(), x=column, y="network", hue="variant", ax=ax)
        ax.set(xlabel=label, ylabel="")
        ax.get_legend().remove()
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=5)
    return fig


def plot_choice(table: pd.DataFrame) -> Figure:
    """Draw PSNR against time: networks in floats by Keras, and in 8 bits; see `plot_variants`."""
    shown = table.reset_index()
    shown = shown[shown["variant"].isin(["Keras", "LiteRT dynamic-int8", "LiteRT int8"])]
    fig, ax = plt.subplots(figsize=(8, 4))
    sns.lineplot(
        shown,
        x="seconds_per_megapixel",
        y="psnr_db",
        hue="network",
        palette="colorblind",
        linestyle=":",
        legend=False,
        ax=ax,
    )
    sns.scatterplot(
        shown,
        x="seconds_per_megapixel",
        y="psnr_db",
        hue="network",
        style="variant",
        palette="colorblind",
        s=90,
        ax=ax,
    )
    ax.set(xlabel="seconds per megapixel", ylabel="mean PSNR (dB)")
    _make_logarithmic(ax, shown["seconds_per_megapixel"])
    sns.move_legend(ax, "center left", bbox_to_anchor=(1, 0.5))
    return fig


def plot_sensitivity(table: pd.DataFrame) -> Figure:
    """Draw what each block costs in 8 bits; see `casestudy.results.quantized.sensitivity`."""
    fig, ax = plt.subplots(figsize=(7, 0.35 * len(table) + 1.2))
    ax.barh(table["block"], table["lost_db"], color=NOISY)
    ax.axvline(0, color="gray", linewidth=1)
    ax.set(xlabel="PSNR lost with this block alone in 8 bits (dB)")
    ax.invert_yaxis()
    return fig


def _label_points(ax: Axes, x: pd.Series, y: pd.Series, labels: pd.Series) -> None:
    """Draw named points on a logarithmic axis; names towards the middle, none over another."""
    ax.scatter(x, y, color=NOISY)
    _make_logarithmic(ax, x)
    ax.margins(0.25)
    middle = np.sqrt(x.min() * x.max())
    line, free = 0.1 * (y.max() - y.min()), np.inf  # the height of a name, and of what is left
    for height, place, label in sorted(zip(y, x, labels, strict=True), reverse=True):
        side = 1 if place <= middle else -1
        free = min(height, free - line)
        ax.annotate(
            label,
            (place, free),
            xytext=(8 * side, 0),
            textcoords="offset points",
            ha="left" if side == 1 else "right",
            va="center",
        )


def _make_logarithmic(ax: Axes, x: pd.Series) -> None:
    """Give plain numbers to a logarithmic axis of such values, the fewer the wider they spread."""
    ax.set_xscale("log")
    if x.max() < 100 * x.min():
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
