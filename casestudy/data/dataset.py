"""One record per dataset. To add one, add a file to `sets`, and its record to the catalogue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from casestudy import CaseStudyError
from casestudy.data.pairs import Pair


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The properties of a dataset.

    Parameters
    ----------
    name : str
    summary : str
        One line on what it holds, for `casestudy data list`.
    terms : str
        Its licence, in a few words.
    get : str
        How to get it, with the size of the download; "" if there is nothing to download.
    where : callable
        Returns the place of the pairs that were found.
    find : callable
        Returns the pairs that are there, and the files without a partner. Raises CaseStudyError
        if there is no pair at all.
    incomplete : callable
        Returns which of the pairs are missing and what to do; "" if none are.
    enough : callable
        Returns whether incomplete pairs can be used all the same.
    parts : tuple of Dataset
        The datasets that make up this one, which then needs no `find`.
    families : tuple of str
        The origins of its photographs. Datasets of one family may show the same scenes.
    fetch : str
        "module:function" of the function that downloads it and returns its folder, which is
        imported when needed; "" if there is none.
    steps : str
        Instructions for a person, where no program can download it.
    add : callable, optional
        Verifies an archive and unpacks it into a folder, where the dataset comes as archives.
    rounded : bool
        Whether results are rounded to 8-bit integers before they are scored.
    """

    name: str
    summary: str
    terms: str
    get: str
    where: Callable[[Sequence[Pair]], str]
    find: Callable[[], tuple[Sequence[Pair], list[Path]]] | None = None
    incomplete: Callable[[Sequence[Pair]], str] = lambda found: ""
    enough: Callable[[Sequence[Pair]], bool] = lambda found: False
    parts: "tuple[Dataset, ...]" = ()
    families: tuple[str, ...] = ()
    fetch: str = ""
    steps: str = ""
    add: Callable[[Path, Path], None] | None = None
    rounded: bool = True

    def load(self) -> list[Pair]:
        """Return the pairs in a fixed order.

        Raises
        ------
        CaseStudyError
            If pairs are missing or a file has no partner; the message says what to do.
        """
        if self.parts:
            return [pair for part in self.parts for pair in part.load()]
        found, lonely = self.find()
        if lonely:
            names = ", ".join(str(path) for path in lonely[:3]) + (", ..." if lonely[3:] else "")
            raise CaseStudyError(
                f"{len(lonely)} image(s) without a partner: {names}. Add the other half or remove "
                f"them; `casestudy data check {self.name}` lists all."
            )
        if (message := self.incomplete(found)) and not self.enough(found):
            raise CaseStudyError(message)
        return found
