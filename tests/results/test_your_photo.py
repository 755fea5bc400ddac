from casestudy.results import your_photo


def test_results_go_to_the_run_folder_or_where_they_are_wanted(tmp_path):
    source, target = your_photo.places(run_folder=str(tmp_path))
    assert source == your_photo.EMBEDDED and source.is_file()
    assert target == tmp_path / "denoised" / source.name and target.parent.is_dir()
    photo = str(tmp_path / "a.jpg")
    assert your_photo.places(photo, str(tmp_path / "b.png"))[1] == tmp_path / "b.png"
    assert your_photo.places(photo, str(tmp_path / "denoised"))[1].name == "a.jpg"
