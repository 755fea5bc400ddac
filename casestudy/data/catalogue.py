"""Where noisy-clean pairs come from: one function, `load_pairs`, for every dataset."""

from casestudy import CaseStudyError
from casestudy.data.pairs import FilePair, Pair
from casestudy.data.sets import bsds500, folder, polyu, renoir, sample, sidd, sidd_blocks

__all__ = ["DATASETS", "FilePair", "Pair", "load_pairs"]

# name: function that returns the dataset's pairs
DATASETS = {
    "sample": sample.pairs,
    "polyu": polyu.pairs,
    "polyu-frames": polyu.frame_pairs,
    "bsds500": bsds500.pairs,
    "bsds500-clean": bsds500.clean_pairs,
    "sidd": sidd.pairs,
    "renoir": renoir.pairs,
    "sidd+renoir": lambda: sidd.pairs() + renoir.pairs(),  # the article's 541
    "sidd-validation": sidd_blocks.pairs,
}


def load_pairs(dataset: str) -> list[Pair]:
    """Return the pairs of a named dataset, in a fixed order.

    Parameters
    ----------
    dataset : str
        A name in `DATASETS`, or `folder:PATH` for pairs of your own in `PATH/noisy` and
        `PATH/clean`.

    Returns
    -------
    list of Pair
        At least one.

    Raises
    ------
    CaseStudyError
        If the name is unknown or the dataset's files are not there; the message says how to
        get them.
    """
    if dataset.startswith("folder:"):
        return folder.pairs(dataset.removeprefix("folder:"))
    if dataset not in DATASETS:
        raise CaseStudyError(
            f"Unknown dataset {dataset!r}. Known: {', '.join(DATASETS)}, "
            "and folder:PATH for your own pairs."
        )
    return DATASETS[dataset]()
