"""What a comparison says in words."""

import pandas as pd

from casestudy.results.comparison import in_words


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
    assert in_words(summary()) == (
        "On the test patches of this run, **RIDNet** is best: +6.50 dB over the noisy patches, in "
        "16 seconds per megapixel by Keras. CBDNet is 0.75 dB behind, and takes 0.25 times as "
        "long."
    )
    unclear = in_words(summary(behind_low=[0, -0.1, 5.0]))
    assert "behind, which these images do not tell apart, and" in unclear
