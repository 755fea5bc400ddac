import pytest

from casestudy import CaseStudyError
from casestudy.data.experiment import open_experiment
from casestudy.data.settings import check_parameters
from casestudy.training.settings import Parameters


def test_text_from_a_command_line_becomes_numbers():
    values = check_parameters({"epochs": "3", "patch_size": "64"}, Parameters)
    assert values == {"epochs": 3, "patch_size": 64}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", -1),
        ("epochs", 0),
        ("epochs", "many"),
        ("epochs", 1.5),
        ("patch_size", 17),
        ("batch_size", 0),
        ("dataset", "nonesuch"),
        ("split_by", "colour"),
        ("protocol", "stretch"),
        ("seed", -1),
        ("max_pairs", -3),
        ("max_pairs", 2),
    ],
)
def test_a_wrong_value_is_named(name, value):
    with pytest.raises(CaseStudyError, match=name):
        check_parameters({name: value}, Parameters)


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(CaseStudyError, match=r"epoch\b.*epochs"):
        check_parameters({"epoch": 3}, Parameters)


def test_all_complaints_come_at_once():
    with pytest.raises(CaseStudyError, match=r"patch_size.*epochs"):
        check_parameters({"epochs": -1, "patch_size": 17}, Parameters)


def test_an_experiment_checks_before_it_works(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("CASESTUDY_CACHE", str(tmp_path))
    with pytest.raises(CaseStudyError, match="patch_size"):
        open_experiment("sample", patch_size=17)
    assert not list(tmp_path.iterdir())
