"""The report runner: what it runs, what it refuses, what it leaves behind, and its pages."""

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from filelock import FileLock
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from casestudy import CaseStudyError
from casestudy.commands.report import report
from casestudy.files.folders import run_name

PARAMETERS = """\
dataset = "sample"  # name
seed = 0  # of all randomness
epochs = 2  # passes
run_folder = "."  # results land here
"""
COUNT_RUNS = """\
from pathlib import Path
runs = Path(run_folder).parent / "runs.txt"
with runs.open("a") as file:
    file.write(STEM + "\\n")
"""


def write_notebook(folder, stem, *sources, needs=(), tags=()):
    """Write a notebook that counts its runs in `runs.txt` beside the run folder."""
    cells = [
        new_markdown_cell(f"# The {stem} notebook\n\nIts *first* sentence. Another one."),
        new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        new_code_cell(f"STEM = {stem!r}\n{COUNT_RUNS}"),
        *(new_code_cell(source, metadata={"tags": list(tags)}) for source in sources),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    metadata = {"casestudy": {"needs": list(needs)}}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), folder / f"{stem}.ipynb")


class Workplace:
    """A dataset of one pair, a folder of notebooks, and a folder of reports."""

    def __init__(self, root: Path):
        self.notebooks, self.reports, self.data = root / "notebooks", root / "out", root / "data"
        self.run = self.reports / "trial"
        self.notebooks.mkdir()
        for kind, level in {"noisy": 90, "clean": 100}.items():
            (self.data / kind).mkdir(parents=True)
            self.save_image(kind, level)
        self.arguments = {
            "dataset": f"folder:{self.data}",
            "run": "trial",
            "notebooks": self.notebooks,
            "reports": self.reports,
        }

    def save_image(self, kind, level):
        image = Image.fromarray(np.full((40, 40, 3), level, np.uint8))
        image.save(self.data / kind / "a.png")

    def add(self, stem, *sources, **options):
        write_notebook(self.notebooks, stem, *sources, **options)

    def report(self, **options):
        return report(**self.arguments | options)

    def refused(self, **options):
        with pytest.raises(CaseStudyError) as caught:
            self.report(**options)
        return str(caught.value)

    def ran(self):
        """Return the notebooks that ran since the last question, in order."""
        runs = self.reports / "runs.txt"
        stems = runs.read_text().split() if runs.exists() else []
        runs.unlink(missing_ok=True)
        return stems

    def page(self, name):
        return BeautifulSoup((self.run / name).read_text(), "html.parser")

    def statuses(self):
        return [tag.text for tag in self.page("index.html").select(".status")]

    def start(self, until):
        """Start a call in a process of its own; return it once a notebook wrote `until`."""
        options = {name: str(value) for name, value in self.arguments.items()}
        # A test run started in the background ignores SIGINT, and its children would too.
        code = f"""
            import signal
            signal.signal(signal.SIGINT, signal.default_int_handler)
            from pathlib import Path
            from casestudy.commands.report import report
            options = {options!r}
            for name in ("notebooks", "reports"):
                options[name] = Path(options[name])
            report(**options)
        """
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for((self.run / until).exists, 60)
        return process


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


@pytest.fixture
def place(tmp_path):
    return Workplace(tmp_path)


WRITE = "from pathlib import Path; Path(run_folder, STEM + '.csv').write_text(f'{epochs}')"
# tells its process id, then waits; goes through quickly when `go` lies in the run folder
WAIT = """\
import os, time
from pathlib import Path
Path(run_folder, "kernel.pid").write_text(str(os.getpid()))
Path(run_folder, "started").touch()
while not Path(run_folder, "go").exists():
    time.sleep(0.1)
"""


def test_makes_pages_index_and_results_then_rests(place, capsys):
    place.add("01_look", WRITE)
    place.add(
        "07_compare",
        "Path(run_folder, 'results.csv').write_text('method,psnr_db\\nx,30.126')",
        needs=["0[2-6]_*"],
    )

    index = place.report()

    assert index == place.run / "index.html"
    assert capsys.readouterr().out.splitlines()[-1] == str(index)
    assert place.ran() == ["01_look", "07_compare"]
    assert {"01_look.ipynb", "01_look.html", "01_look.csv", "07_compare.html"} <= {
        path.name for path in place.run.iterdir()
    }
    real, results = place.page("index.html").select("table.results")
    assert [cell.text for cell in real.select("th")] == ["Method", "phones", "RENOIR", "PolyU"]
    noisy = "24.55", "26.99", "36.07"  # as `casestudy evaluate` prints them
    assert [cell.text for cell in real.select("tr")[-1].select("td")] == ["noisy", *noisy]
    assert "30.13" in results.text
    assert "as far as is known" in results.find_next("p").text  # a folder of one's own
    assert "The 01_look notebook" in index.read_text()
    assert "Its first sentence.<" in index.read_text()
    assert place.statuses() == ["up to date", "up to date"]

    before = {path: path.read_bytes() for path in place.run.glob("0*")}
    place.report()
    assert place.ran() == []
    assert "unchanged, not run again" in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in place.run.glob("0*")}
    place.report(force=True)
    assert place.ran() == ["01_look", "07_compare"]


def test_while_a_cell_runs_clock_and_last_line_move(place, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    slow = "for step in (1, 2):\n    print(f'step {step}', flush=True)\n    time.sleep(1.6)"
    place.add("01_slow", f"import time\n{slow}")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    place.report()
    shown = [line for line in screen.getvalue().split("\r") if " of 4 cells" in line]
    assert all(any(f"step {step}" in line for line in shown) for step in (1, 2))
    assert len({line.split(" of 4 cells, ")[1][:5] for line in shown}) >= 3  # times


def test_runs_again_what_changed_and_what_needs_it(place):
    place.add("01_look")
    place.add("02_base", WRITE)
    place.add("07_compare", needs=["0[2-6]_*"])
    everything = ["01_look", "02_base", "07_compare"]
    place.report()
    place.ran()

    place.add("02_base", WRITE, "1 + 1")
    place.report()
    assert place.ran() == ["02_base", "07_compare"]

    (place.run / "02_base.csv").write_text("altered")
    place.report()
    assert place.ran() == ["02_base", "07_compare"]

    (place.run / "01_look.ipynb").unlink()
    place.report()
    assert place.ran() == ["01_look"]

    place.report(parameters={"epochs": "5"})
    assert place.ran() == everything
    assert (place.run / "02_base.csv").read_text() == "5"

    place.save_image("noisy", 80)
    place.report(parameters={"epochs": 5})
    assert place.ran() == everything

    (place.run / "07_compare.html").unlink()
    place.report(parameters={"epochs": 5})
    assert (place.run / "07_compare.html").exists()
    assert place.ran() == []  # a page is made of the executed notebook


def test_only_runs_the_chosen_and_what_they_need(place):
    place.add("01_look")
    place.add("02_base")
    place.add("03_net")
    place.add("07_compare", needs=["0[2-6]_*"])
    place.report(only=["03"])
    assert place.ran() == ["03_net"]
    place.report(only=["07_compare"])
    assert place.ran() == ["02_base", "07_compare"]
    assert place.statuses() == ["not run", "up to date", "up to date", "up to date"]
    place.report(only=["03"], force=True)
    assert place.ran() == ["03_net"]
    assert place.statuses() == ["not run", "up to date", "up to date", "outdated"]
    assert "01_look, 02_base, 03_net, 07_compare" in place.refused(only=["04"])


def test_a_failure_stops_what_depends_on_it_and_nothing_else(place):
    place.add("01_look")
    place.add("02_base", "good = 1")
    place.add("07_compare", needs=["0[2-6]_*"])
    place.add("08_after", needs=["07_compare"])
    place.add("09_alone")
    place.report()
    place.ran()
    good = (place.run / "02_base.html").read_bytes()

    place.add("02_base", "# why\nraise ValueError('the <loss> is nan')")
    place.add("09_alone", "more = 1")
    message = place.refused()

    assert "02_base, cell 3 of 3 (raise ValueError" in message
    assert "ValueError: the <loss> is nan" in message
    assert str(place.run / "02_base.failed.html") in message
    assert "07_compare, 08_after" in message
    assert place.ran() == ["02_base", "09_alone"]
    assert (place.run / "02_base.html").read_bytes() == good
    failed = place.page("02_base.failed.html")
    assert "the <loss> is nan" in failed.select_one(".failure").text
    assert "raise ValueError" in failed.select_one("#failed-cell").text
    nbformat.read(place.run / "02_base.failed.ipynb", 4)
    assert place.statuses() == ["up to date", "failed", "stopped", "stopped", "up to date"]

    place.add("02_base", "good = 2")
    place.report()
    assert place.ran() == ["02_base", "07_compare", "08_after"]
    assert not list(place.run.glob("*.failed.*"))


def test_the_index_says_what_is_running_and_what_is_left(place):
    place.add("01_look")
    place.add(
        "02_base",
        "index = Path(run_folder, 'index.html')",
        "Path(run_folder, 'then.html').write_text(index.read_text())",
    )
    place.add("03_net")
    place.report()
    then = place.page("then.html")
    assert [tag.text for tag in then.select(".status")] == ["up to date", "running", "waiting"]
    assert then.select_one('a[href="01_look.html"]')
    assert place.statuses() == ["up to date"] * 3


KINDS = {
    "cell error": ("1 / 0", "ZeroDivisionError"),
    "exit": ("import sys; sys.exit(0)", "must not call exit"),
    "kernel killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "out of memory"),
    "kernel gone": ("import os; os._exit(3)", "exit code 3"),
}


@pytest.mark.parametrize(("source", "reason"), KINDS.values(), ids=KINDS)
def test_each_way_to_fail_is_named_and_leaves_no_success(place, source, reason):
    place.add("01_look", source, "print('never')")
    message = place.refused()
    assert "01_look, cell 3 of 4" in message
    assert reason in message
    failed = place.page("01_look.failed.html")
    assert reason in failed.select_one(".failure").text
    assert source in failed.select_one("#failed-cell").text
    assert not (place.run / "01_look.ipynb").exists()
    assert place.statuses() == ["failed"]


def break_kernel_start(folder, monkeypatch, times):
    """Let the kernel die at start-up, that many times."""
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text(
        "import os, pathlib\n"
        f"tries = pathlib.Path({str(folder / 'tries')!r})\n"
        "tries.write_text(tries.read_text() + '.' if tries.exists() else '.')\n"
        f"if len(tries.read_text()) <= {times}: os._exit(1)\n"
    )
    monkeypatch.setenv("IPYTHONDIR", str(folder))


def test_kernel_that_cannot_start_is_tried_twice(place, tmp_path, monkeypatch):
    place.add("01_look")
    break_kernel_start(tmp_path / "ipython", monkeypatch, times=2)
    message = place.refused()
    assert "01_look: its Python kernel did not start, tried 2 times" in message
    assert (tmp_path / "ipython" / "tries").read_text() == ".."
    assert "did not start" in place.page("01_look.failed.html").select_one(".failure").text
    assert place.ran() == []


def test_kernel_that_starts_at_the_second_try_is_good(place, tmp_path, monkeypatch):
    place.add("01_look")
    break_kernel_start(tmp_path / "ipython", monkeypatch, times=1)
    place.report()
    assert place.ran() == ["01_look"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"parameters": {"epoch": 3}}, "epoch"),
        ({"parameters": {"epochs": "many"}}, "epochs"),
        ({"parameters": {"epochs": -1}}, "epochs"),
        ({"parameters": {"patch_size": 64}}, "Known there: epochs, seed"),
        ({"parameters": {"dataset": "polyu"}}, "--dataset"),
        ({"dataset": "smaple"}, "smaple"),
        ({"dataset": "folder:/nowhere"}, "/nowhere"),
        ({"only": ["1"]}, "01_look"),
    ],
)
def test_mistakes_are_refused_before_a_kernel_starts(place, options, reason):
    place.add("01_look")
    assert reason in place.refused(**options)
    assert place.ran() == []
    assert not place.reports.exists()


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "96x80 pixels, smaller than a patch of 256x256"),
        ({"max_pairs": 2}, "max_pairs"),
        ({"protocol": "article"}, "04_cbdnet: Wrong parameter. loss=cbdnet-mae needs"),
    ],
)
def test_what_the_notebooks_would_refuse_is_refused_before(place, pair_folder, parameters, reason):
    options = {"dataset": f"folder:{pair_folder}", "notebooks": None, "parameters": parameters}
    assert reason in place.refused(**options)
    assert not list(place.run.glob("0*"))


def test_too_few_pairs_for_the_notebooks_are_refused_before(place):
    assert "At least 3 scenes" in place.refused(notebooks=None)


def test_results_of_another_folder_of_the_same_name_are_kept(place):
    place.add("01_look")
    (place.run / "scores").mkdir(parents=True)
    scores = "dataset,image,scene\nfolder:/elsewhere/data,a,a\n"
    (place.run / "scores" / "noisy.csv").write_text(scores)
    assert "holds results of folder:/elsewhere/data" in place.refused()
    assert [path.name for path in place.run.glob("*.html")] == []


@pytest.mark.parametrize("run", ["", "a/b", "..", ".hidden", "/etc", "a b", "x" * 81])
def test_a_run_name_is_one_plain_folder(place, run):
    place.add("01_look")
    assert "cannot name a run" in place.refused(run=run)
    assert not place.reports.exists()


def test_a_run_is_named_after_its_folder_in_any_script():
    assert run_name("folder:/pairs/фото 1") == "folder-фото-1"
    assert run_name(f"folder:/pairs/{'x' * 90}") == f"folder-{'x' * 73}"


def test_refused_call_keeps_earlier_reports(place):
    place.add("01_look")
    place.report()
    before = (place.run / "index.html").read_bytes()
    place.refused(parameters={"epochs": 0})
    assert (place.run / "index.html").read_bytes() == before


def test_every_notebook_declares_its_parameters_once(place):
    place.add("01_look", "x = 1", tags=["parameters"])
    assert "2 cells tagged `parameters`" in place.refused()
    (place.notebooks / "01_look.ipynb").write_text("{")
    assert "not a readable notebook" in place.refused()
    assert place.ran() == []


def test_a_file_belongs_to_one_notebook(place):
    place.add("01_look", "Path(run_folder, 'shared.csv').write_text('1')")
    place.add("02_base", "Path(run_folder, 'shared.csv').write_text('2')")
    assert "02_base overwrote shared.csv, which 01_look wrote" in place.refused()


TRAIN_OR_LOAD = """\
weights = Path(run_folder, "models", "net.safetensors")
weights.parent.mkdir(exist_ok=True)
if not weights.exists():
    weights.write_text("trained")
"""


def test_deleted_weights_are_trained_anew_even_if_they_were_loaded_last(place):
    place.add("01_look", TRAIN_OR_LOAD)
    place.report()
    place.add("01_look", TRAIN_OR_LOAD, "1 + 1")
    place.report()
    weights = place.run / "models" / "net.safetensors"
    weights.unlink()
    place.report()
    assert weights.exists()


def test_files_of_a_training_at_work_there_are_not_a_notebooks(place):
    """An epoch of it ends while each notebook runs; events of TensorBoard lie deeper."""
    models = place.run / "models"
    epoch = f"""
for name in ("net.history.csv", "net.tensorboard/events"):
    Path({str(models)!r}, name).write_text(STEM)
"""
    place.add("01_look", epoch)
    place.add("02_base", epoch)
    (models / "net.tensorboard").mkdir(parents=True)
    with FileLock(models / ".net.lock"):
        place.report()
    (models / "net.history.csv").write_text("finished")
    (models / "net.tensorboard" / "events").unlink()
    place.report()
    assert place.ran() == ["01_look", "02_base"]


def test_other_runs_that_are_compared_with_are_looked_at_again(place, monkeypatch):
    monkeypatch.setattr("casestudy.results.comparison.reports_root", lambda: place.reports)
    place.add("01_look")
    notebook = nbformat.read(place.notebooks / "01_look.ipynb", 4)
    notebook.cells[1].source += 'beside = ""  # other runs\n'
    nbformat.write(notebook, place.notebooks / "01_look.ipynb")
    options = {"parameters": {"beside": "other"}}
    assert "No scores in" in place.refused(**options) and not place.ran()

    scores = place.reports / "other" / "scores" / "noisy.csv"
    scores.parent.mkdir(parents=True)
    row = "noisy,d,a,s,,,0,{},0.5,0.1,0.1,0,0"
    head = "method,dataset,image,scene,camera,iso,patch,psnr_db,ssim,seconds,megapixels,"
    for psnr_db in (30, 30, 31):
        scores.write_text(f"{head}parameters,size_mb\n{row.format(psnr_db)}\n")
        place.report(**options)
    assert place.ran() == ["01_look", "01_look"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(place):
    place.add("01_look")
    place.reports.mkdir(mode=0o500)
    assert str(place.run) in place.refused()


def test_needs_only_look_back(place):
    place.add("01_look", needs=["02_*"])
    place.add("02_base")
    assert "needs 02_base" in place.refused()


def test_notebook_gets_what_it_declares_wherever_it_is_called_from(place, tmp_path, monkeypatch):
    place.add(
        "01_look", "Path(run_folder, 'seen.txt').write_text(f'{dataset}|{epochs}|{Path.cwd()}')"
    )
    monkeypatch.chdir(tmp_path)
    place.report(dataset="folder:data", reports=Path("out"), parameters={"epochs": "7"})
    assert (place.run / "seen.txt").read_text() == f"folder:{place.data}|7|{place.notebooks}"
    assert Path.cwd() == tmp_path


def test_run_folder_that_cannot_be_made_is_named(place):
    place.add("01_look")
    place.reports.write_text("a file where a folder should be")
    message = place.refused()
    assert str(place.run) in message and "the same command resumes" in message


def test_second_call_on_one_run_is_refused(place):
    place.add("01_look", WAIT)
    process = place.start(until="started")
    assert f"Another process is at work in {place.run}" in place.refused()
    (place.run / "go").touch()
    assert process.wait(60) == 0
    assert place.ran() == ["01_look"]


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_next_call_completes_what_a_killed_one_began(place, kill):
    place.add("01_look", WRITE)
    place.add("02_wait", WAIT)
    place.add("03_after")
    process = place.start(until="started")
    kernel = int((place.run / "kernel.pid").read_text())

    process.send_signal(kill)
    process.communicate(timeout=10)

    assert process.returncode in (-kill, 128 + kill)
    wait_for(lambda: not is_alive(kernel), 15)
    assert place.ran() == ["01_look", "02_wait"]
    assert not (place.run / "02_wait.html").exists()
    if kill != signal.SIGKILL:
        assert place.statuses() == ["up to date", "not run", "not run"]

    (place.run / "go").touch()
    place.report()
    assert place.ran() == ["02_wait", "03_after"]
    assert not [path for path in place.run.iterdir() if path.name.startswith(".running")]
    assert place.statuses() == ["up to date"] * 3


def test_pages_load_nothing_from_elsewhere(place):
    place.add(
        "01_look",
        "import matplotlib.pyplot as plt; plt.imshow([[0, 1]]); plt.show()",
        "from IPython.display import HTML\n"
        "HTML('<img src=https://example.org/a.png><script src=//example.org/a.js></script>')",
        "import pandas; pandas.DataFrame({'a': [1]})",
    )
    place.report()
    for name in ("01_look.html", "index.html"):
        page = place.page(name)
        sources = [tag["src"] for tag in page.select("[src]")]
        assert all(source.startswith("data:") for source in sources)
        assert not page.select("script, iframe, object, embed, link:not([rel=icon])")
        assert "url(" not in "".join(tag.text for tag in page.select("style"))
    page = place.page("01_look.html")
    assert page.select_one("figure img")["src"].startswith("data:image/webp")
    assert page.select_one("figure img")["alt"]
    assert page.select_one("table.dataframe")
    assert str(place.run) not in (place.run / "01_look.html").read_text()


def test_messages_are_those_that_tell_something(place):
    place.add(
        "01_a",
        "import sys\nprint('I0000 00:00:1.2   7 port.cc:153] oneDNN custom operations are on.',"
        " 'E0000 00:00:1.3   7 port.cc:9] The disk is full.',"
        " 'INFO: Created TensorFlow Lite XNNPACK delegate for CPU.', sep='\\n', file=sys.stderr)",
    )
    place.report()
    (messages,) = place.page("01_a.html").select("details.messages pre")
    assert messages.text.strip() == "E0000 00:00:1.3   7 port.cc:9] The disk is full."


def test_thumbnail_is_the_last_figure_of_the_tagged_cell(place):
    draw = "import matplotlib.pyplot as plt; plt.figure(figsize=(30, 3)); plt.plot([1, 2]);"
    place.add("01_look", draw, tags=["thumbnail"])
    place.report()
    with Image.open(place.run / "figures" / "01_look.webp") as thumbnail:
        assert thumbnail.width == 1200
    assert place.page("index.html").select_one(".card img")["src"].startswith("data:image/webp")


def test_simulated_noise_is_labelled(place):
    place.add("01_look")
    place.report()
    assert not place.page("01_look.html").select(".notice")
    place.report(dataset="sample")
    for name in ("01_look.html", "index.html"):
        assert "Simulated camera noise" in place.page(name).select_one(".notice").text


def test_neighbouring_pages_are_linked(place):
    place.add("01_look")
    place.add("02_base")
    place.report()
    assert place.page("01_look.html").select_one("a[rel=next]")["href"] == "02_base.html"
    assert place.page("02_base.html").select_one("a[rel=prev]")["href"] == "01_look.html"


def test_marker_tells_how_the_result_was_made(place):
    place.add("01_look")
    place.report(parameters={"seed": "3"})
    record = json.loads((place.run / ".markers" / "01_look.json").read_text())["record"]
    assert record["parameters"]["seed"] == "3"
    assert record["parameters"]["epochs"] == "2"
    assert record["seconds"] > 0
    assert {"date", "versions", "commit", "machine"} <= record.keys()


def test_links_to_notebooks_lead_to_their_pages(place):
    place.add("01_look", "from IPython.display import Markdown\nMarkdown('[next](02_wait.ipynb)')")
    place.report()
    assert place.page("01_look.html").select_one("a[href='02_wait.html']").text == "next"


def test_links_to_files_of_the_project_hold_from_a_runs_folder(place):
    """From notebooks/ it is one folder up to the project, from reports/RUN/ two."""
    place.add("01_look", "from IPython.display import Markdown\nMarkdown('[card](../a/card.md)')")
    place.report()
    assert place.page("01_look.html").select_one("a[href='../../a/card.md']").text == "card"
