"""Sentences that answer a notebook's question, made of the numbers that it measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from casestudy.results.noise_kinds import GAUSSIAN, GAUSSIAN_FAR

# From here on a measurement is not the textbook's. Gaussian noise on pictures of these sizes is
# well below each.
UNEVEN = 1.25  # times as strong at one brightness as at another
SHARED = 0.1  # correlation
FAR = 1.5  # times as many values beyond three standard deviations as a Gaussian has


def camera_noise(kinds: pd.DataFrame) -> str:
    """Answer whether camera noise is Gaussian, white and equally strong everywhere.

    Parameters
    ----------
    kinds : DataFrame
        `NoiseKind.numbers` by the labels of `casestudy.results.noise_kinds.noise_kinds`: real
        noise first, Gaussian noise last.

    Returns
    -------
    str
        At most three sentences in Markdown.
    """
    real = kinds.iloc[0]
    held = sum(_properties(real).values())
    verdict = {0: "No", 3: "Yes"}.get(held, "Only in part")
    text = (
        f"**{verdict}: {_named(kinds.index[0])} is {_in_words(_properties(real))}.** In a typical "
        f"picture it is {_strength(real)} times as strong at one brightness as at another, "
        f"neighbouring pixels have a correlation of {_rounded(real['next pixel'])}, and "
        f"{_far(real)} of its values are beyond three standard deviations; for Gaussian noise on "
        f"the same pictures these are {_measured(kinds.loc[GAUSSIAN])}."
    )
    for label, other in kinds.iloc[1:-1].iterrows():
        verdict = _in_words(_properties(other))
        named = _named(label)
        text += f" {named[0].upper()}{named[1:]} is {verdict} ({_measured(other)})."
    return text


def camera_noise_lessons(kinds: pd.DataFrame) -> str:
    """Return what `camera_noise` means for denoising, as a list in Markdown with the figures."""
    real = kinds.iloc[0]
    lessons = [camera_noise(kinds)]
    if not _properties(real)["equally strong everywhere"]:
        lessons.append(
            f"The noise depends on brightness ({_strength(real)} times), and from picture to "
            f"picture it is between {real['sigma, weakest']:.0f} and "
            f"{real['sigma, strongest']:.0f} levels of 255: one strength for all is too much in "
            "one place and too little in another."
        )
    if not _properties(real)["white"]:
        # Of the mean of two values with correlation r, the variance is (1 + r) / 2.
        left = ((1 + real["next pixel"]) / 2) ** 0.5
        lessons.append(
            f"The mean of two neighbouring pixels keeps {100 * left:.0f} % of the noise's "
            "standard deviation, and would keep 71 % of white noise's: averaging neighbours "
            "removes less than the textbook expects, and grain looks like fine texture."
        )
    for label, other in kinds.iloc[1:-1].iterrows():
        lessons.append(
            f"In {_named(label)}, neighbouring pixels have a correlation of "
            f"{_rounded(other['next pixel'])} (real: {_rounded(real['next pixel'])}), and "
            f"colours one of {_rounded(other['other colour'])} (real: "
            f"{_rounded(real['other colour'])})."
        )
    return "\n".join(f"- {lesson}" for lesson in lessons)


def photo_noise(estimated: Mapping[str, float]) -> str:
    """Describe the noise of one photograph.

    Parameters
    ----------
    estimated : mapping
        From `casestudy.results.noise_kinds.estimate_noise`.

    Returns
    -------
    str
        Three or four sentences.
    """
    strength, level, quietest = _noisiness(estimated), estimated["level"], estimated["quietest"]
    shared = estimated["next pixel"] >= SHARED
    sentences = [
        f"This photograph has {strength}: a noise level of {quietest:.1f} of 255 in its quietest "
        f"part, and of {level:.1f} over the whole picture, where fine detail counts as well.",
        f"Neighbouring pixels have a correlation of {_rounded(estimated['next pixel'])}: "
        + (
            "they share their noise, as in photographs that a camera has developed."
            if shared
            else "each pixel has noise of its own, as the textbook's white noise."
        ),
    ]
    if "other colour" not in estimated:
        sentences.append("The photograph has no colour, so there are no colours to compare.")
    else:
        common = estimated["other colour"] >= SHARED
        sentences.append(
            f"Red, green and blue have a correlation of {_rounded(estimated['other colour'])}: "
            + ("the colours share" if common else "each colour has its own")
            + (" a part of the noise." if common else " noise.")
        )
    return " ".join(sentences)


def your_photo(
    estimated: Mapping[str, float], title: str, target: Path, remarks: Sequence[str]
) -> str:
    """Say how noisy a photograph is, and where its denoised version was saved.

    Parameters
    ----------
    estimated : mapping
        From `casestudy.results.noise_kinds.estimate_noise`.
    title : str
        Of the method.
    target : Path
    remarks : sequence of str
        Of the method's work, each a sentence.
    """
    return " ".join(
        [
            f"**This photograph has {_noisiness(estimated)}**, with a noise level of "
            f"{estimated['level']:.1f} of 255.",
            f"The result of {title} is saved at full size as `{target}`.",
            *remarks,
        ]
    )


def _noisiness(estimated: Mapping[str, float]) -> str:
    words = {1: "hardly any noise", 3: "weak noise", 8: "moderate noise"}
    return next(
        (text for limit, text in words.items() if estimated["quietest"] < limit), "strong noise"
    )


def _properties(kind: pd.Series) -> dict[str, bool]:
    return {
        "Gaussian": 1 / FAR < kind["beyond 3 sigma"] / GAUSSIAN_FAR < FAR,
        "white": abs(kind["next pixel"]) < SHARED,
        "equally strong everywhere": kind["strongest / weakest brightness"] < UNEVEN,
    }


def _in_words(properties: Mapping[str, bool]) -> str:
    holds = [name for name, true in properties.items() if true]
    fails = [name for name, true in properties.items() if not true]
    if not holds:
        return f"neither {fails[0]}, nor {fails[1]}, nor {fails[2]}"
    if not fails:
        return f"{holds[0]}, {holds[1]} and {holds[2]}"
    return f"{' and '.join(holds)}, but not {' or '.join(fails)}"


def _named(label: str) -> str:
    """Put a label of `casestudy.results.noise_kinds.noise_kinds` into a sentence."""
    name, _, character = label.removesuffix(")").partition(" (")
    owner = name if " " in name else f"`{name}`"
    return f"the {character} noise of {owner}".replace("  ", " ")


def _measured(kind: pd.Series) -> str:
    return f"{_strength(kind)} times, {_rounded(kind['next pixel'])} and {_far(kind)}"


def _far(kind: pd.Series) -> str:
    return f"{100 * kind['beyond 3 sigma']:.1f} %"


def _strength(kind: pd.Series) -> str:
    return f"{kind['strongest / weakest brightness']:.1f}"


def _rounded(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00")
