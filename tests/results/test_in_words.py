"""Answers at the top of pages follow the numbers of the page."""

import pandas as pd

from casestudy.results import comparison, nlm_search, quantized


def summary(**changed):
    table = pd.DataFrame(
        {
            "method": ["RIDNet", "CBDNet", "noisy"],
            "gain_db": [6.5, 5.75, 0],
            "behind_db": [0, 0.75, 6.5],
            "behind_low": [0, 0.5, 5.0],
            "seconds_per_megapixel": [16.0, 4.0, 0.0],
        }
    )
    return table.assign(**changed)


def test_the_best_method_its_cost_and_the_next_one():
    assert comparison.in_words(summary()) == (
        "On the test patches of this run, **RIDNet** is best: +6.50 dB over the noisy patches, in "
        "16 seconds per megapixel by Keras. CBDNet is 0.75 dB behind, and takes 0.25 times as "
        "long."
    )
    unclear = comparison.in_words(summary(behind_low=[0, -0.1, 5.0]))
    assert "behind, which these images do not tell apart, and" in unclear


def test_what_filters_gain_the_better_one_first():
    table = pd.DataFrame(
        {
            "psnr_db": [26.0, 28.5, 30.25],
            "ssim": [0.5, 0.7, 0.8],
            "gain_db": [0, 2.5, 4.25],
            "seconds per megapixel": [0, 2.0, 3.0],
        },
        index=["noisy", "NLM (OpenCV)", "NLM (scikit-image)"],
    )
    text = nlm_search.in_words(table)
    assert "noisy test patches of 26.00 dB and an SSIM of 0.500" in text
    assert "**NLM (scikit-image): +4.25 dB, 3 seconds per megapixel**, SSIM 0.800." in text
    assert text.endswith("NLM (OpenCV): +2.50 dB, 2 seconds per megapixel.")


def test_what_8_bits_do_also_where_they_are_slower():
    table = pd.DataFrame(
        {
            "size_mb": [6.0, 1.5],
            "lost_db": [0, 0.01],
            "seconds_per_megapixel": [16.0, 4.0],
            "times_as_fast": [1.0, 4.0],
        },
        index=["Keras", "LiteRT int8"],
    )
    text = quantized.in_words(table, "ridnet")
    assert "RIDNet is 4.0 times as fast** as in floats by Keras: 4 seconds" in text
    assert "1.50 MB instead of 6.00, and it loses 0.01 dB" in text
    slower = quantized.in_words(table.assign(times_as_fast=[1, 0.5]), "ridnet")
    assert "takes 2.0 times as long** as" in slower
