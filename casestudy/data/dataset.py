"""One record per dataset. To add one, add a file to `sets`, and its record to the catalogue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from casestudy import CaseStudyError
from casestudy.data.pairs import Pair


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The properties of a dataset."""

    name: str
    summary: str  # one line on what it holds, for `casestudy data list`
    terms: str  # its licence, in a few words
    get: str  # how to get it, with the size of the download; "" if nothing is to be downloaded
    where: Callable[[Sequence[Pair]], str]  # returns the place of the pairs that were found
    # Returns the pairs that are there, and the files without a partner. Raises CaseStudyError if
    # there is no pair at all.
    find: Callable[[], tuple[Sequence[Pair], list[Path]]] | None = None
    # Returns which of the pairs are missing and what to do; "" if none are.
    incomplete: Callable[[Sequence[Pair]], str] = lambda found: ""
    # Returns whether incomplete pairs can be used all the same.
    enough: Callable[[Sequence[Pair]], bool] = lambda found: False
    parts: "tuple[Dataset, ...]" = ()  # the datasets that make it up; it then needs no `find`
    families: tuple[str, ...] = ()  # datasets of one family may show the same scenes
    fetch: str = ""  # "module:function" that downloads it and returns its folder
    steps: str = ""  # instructions for a person, where no program can download it
    add: Callable[[Path, Path], None] | None = None  # unpacks an archive of it into a folder
    rounded: bool = True  # whether results are rounded to 8 bits before they are scored

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
