"""Where noisy-clean pairs come from: the records of all datasets, by name."""

from casestudy import CaseStudyError
from casestudy.data.dataset import Dataset
from casestudy.data.pairs import Pair
from casestudy.data.sets import (
    bsds500,
    clean,
    folder,
    kodak,
    phones,
    polyu,
    renoir,
    renoir_crops,
    sample,
    sidd,
    sidd_blocks,
    sidd_crops,
)
from casestudy.files.folders import own_folder

SIDD_AND_RENOIR = Dataset(
    name="sidd+renoir",
    summary="both, as in the article: 541 pairs",
    terms="those of both",
    get="get both",
    where=lambda found: "as above",
    parts=(sidd.SIDD, renoir.RENOIR),
    families=(*sidd.SIDD.families, *renoir.RENOIR.families),
)

DATASETS: dict[str, Dataset] = {
    each.name: each
    for each in (
        sample.SAMPLE,
        phones.PHONES,
        polyu.CROPS,
        polyu.FRAMES,
        bsds500.CAPTURED,
        bsds500.CLEAN,
        sidd.SIDD,
        renoir.RENOIR,
        SIDD_AND_RENOIR,
        sidd_blocks.VALIDATION,
        sidd_crops.CROPS,
        renoir_crops.CROPS,
        clean.CLEAN,
        kodak.KODAK,
        *kodak.NOISY,
    )
}


def record(dataset: str) -> Dataset:
    """Return what is known of a dataset.

    Parameters
    ----------
    dataset : str
        A name in `DATASETS`, or `folder:PATH` for pairs of your own in `PATH/noisy` and
        `PATH/clean`.

    Raises
    ------
    CaseStudyError
        If the name is unknown.
    """
    if path := own_folder(dataset):
        return folder.record(dataset, path)
    if dataset not in DATASETS:
        raise CaseStudyError(
            f"Unknown dataset {dataset!r}. Known: {', '.join(DATASETS)}, "
            "and folder:PATH for your own pairs."
        )
    return DATASETS[dataset]


def load_pairs(dataset: str) -> list[Pair]:
    """Return the pairs of a named dataset, in a fixed order; see `record` for its name.

    Raises
    ------
    CaseStudyError
        If the name is unknown, or the dataset's files are not there; the message says how to
        get them.
    """
    return record(dataset).load()
