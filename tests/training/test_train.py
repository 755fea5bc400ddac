import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from glob import glob

import keras
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from casestudy import CaseStudyError
from casestudy.data.batches import PatchBatches
from casestudy.data.catalogue import load_pairs
from casestudy.data.experiment import open_experiment
from casestudy.data.patches import cut_patches
from casestudy.models import build, hinet
from casestudy.results.closeups import noise_estimates
from casestudy.results.metrics import psnr
from casestudy.training.checkpoint import load_checkpoint, previous
from casestudy.training.critic import WithCritic
from casestudy.training.losses import PSNR
from casestudy.training.manifest import load_training
from casestudy.training.train import train, train_or_load


@pytest.fixture
def patches(pair_folder):
    name = f"folder:{pair_folder}"
    return cut_patches(name, load_pairs(name), size=32)


def trained(patches, folder, epochs=2, name="autoencoder", build_seed=0, **settings):
    """Train a small network on all patches, validate on four of them."""
    model = build(name, build_seed, filters=4)
    settings = {"batch_size": 8, "crop_size": 0} | settings
    return model, train(model, patches, patches.spread(4), epochs, folder, **settings)


def same_weights(first, second):
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_networks_whose_names_begin_alike_are_trained_in_one_folder(patches, tmp_path):
    """Scratch folders of a killed training are removed; not those of the other, which may run."""
    small = build("autoencoder", filters=4)
    whole, slim = (
        keras.Model(small.input, small.output, name=f"nafnet{x}") for x in ("", "-slim")
    )
    train(slim, patches, patches.spread(4), 1, tmp_path, batch_size=8)
    left, of_another = (tmp_path / f".nafnet{name}-a1b2_c3d" for name in (".last", "-slim"))
    left.mkdir(), of_another.mkdir()
    train(whole, patches, patches.spread(4), 1, tmp_path, batch_size=8)
    assert not left.exists() and of_another.exists()


class TestResults:
    def test_training_lowers_the_loss_and_leaves_its_files(self, patches, tmp_path):
        model, history = trained(patches, tmp_path, epochs=8, batch_size=4)
        assert list(history["epoch"]) == list(range(1, 9))
        assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
        assert (history["seconds"] > 0).all()
        assert {file.name for file in tmp_path.iterdir() if file.name[0] != "."} == {
            "pairs",
            "autoencoder.safetensors",
            "autoencoder.last.safetensors",
            "autoencoder.history.csv",
            "autoencoder.json",
        }
        pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "autoencoder.history.csv"), history)
        stored = load_file(tmp_path / "autoencoder.safetensors")
        for weight in model.weights:
            np.testing.assert_array_equal(stored[weight.path], weight.numpy())

    def test_validation_is_loss_and_psnr_of_the_patches(self, patches, tmp_path):
        model, history = trained(patches, tmp_path, epochs=1)
        noisy, clean = (
            read(np.arange(4)) for read in (patches.spread(4).noisy, patches.spread(4).clean)
        )
        denoised = model.predict_on_batch(noisy)
        expected = np.mean(
            [psnr(c, np.clip(d, 0, 1)) for c, d in zip(clean, denoised, strict=True)]
        )
        assert history["val_psnr_db"][0] == pytest.approx(expected, rel=1e-5)
        assert history["val_loss"][0] == pytest.approx(np.mean((denoised - clean) ** 2), rel=1e-4)

    def test_the_model_ends_with_the_weights_of_the_best_epoch(self, patches, tmp_path):
        """A rate so high that later epochs do harm."""
        model, history = trained(
            patches, tmp_path, epochs=3, learning_rate=0.02, schedule="constant"
        )
        best = history["val_psnr_db"].max()
        assert best > history["val_psnr_db"].iloc[-1]
        validation = patches.spread(4)
        everything = np.arange(4)
        metric = PSNR()
        metric.update_state(
            validation.clean(everything), model.predict_on_batch(validation.noisy(everything))
        )
        assert float(metric.result()) == pytest.approx(best)

    def test_the_same_seed_trains_the_same_network(self, patches, tmp_path):
        runs = [
            trained(patches, tmp_path / f"{i}", seed=seed)[0] for i, seed in enumerate((0, 0, 1))
        ]
        assert same_weights(runs[0], runs[1]) and not same_weights(runs[0], runs[2])

    def test_the_manifest_says_what_was_trained_on_what(self, patches, tmp_path):
        _, history = trained(patches, tmp_path)
        manifest = json.loads((tmp_path / "autoencoder.json").read_text())
        assert manifest["identity"]["batch_size"] == 8
        assert manifest["data"]["training"]["patches"] == len(patches)
        assert manifest["data"]["training"]["scenes"] == [f"scene{n}" for n in range(10)]
        assert len(manifest["data"]["validation"]["images"]) <= 4
        assert manifest["best"]["val_psnr_db"] == history["val_psnr_db"].max()
        assert manifest["versions"]["keras"] == keras.__version__
        assert manifest["versions"]["keras backend"] == keras.backend.backend()
        assert manifest["devices"] and manifest["machine"] and manifest["seconds"] > 0


class TestSettings:
    def test_cosine_with_warm_up_rises_and_falls(self, patches, tmp_path):
        steps = len(patches) // 8
        _, history = trained(
            patches, tmp_path, epochs=4, learning_rate=1e-3, warmup_steps=2 * steps
        )
        rates = history["learning_rate"].to_numpy()
        # Of each epoch's last step; the formula of Loshchilov and Hutter 2017 after the warm-up.
        last = np.arange(1, 5) * steps - 1
        rising = 1e-3 * last / (2 * steps)
        falling = 0.5e-3 * (1 + np.cos(np.pi * (last - 2 * steps) / (2 * steps)))
        np.testing.assert_allclose(rates, [*rising[:2], *falling[2:]], rtol=1e-4)

    def test_a_constant_rate_stays(self, patches, tmp_path):
        _, history = trained(patches, tmp_path, schedule="constant", learning_rate=2e-4)
        np.testing.assert_allclose(history["learning_rate"], 2e-4, rtol=1e-6)  # float32

    def test_mae_is_the_mean_absolute_error(self, patches, tmp_path):
        model, history = trained(patches, tmp_path, epochs=1, loss="mae")
        validation = patches.spread(4)
        everything = np.arange(4)
        denoised = model.predict_on_batch(validation.noisy(everything))
        expected = np.abs(denoised - validation.clean(everything)).mean()
        assert history["val_loss"][0] == pytest.approx(expected, rel=1e-4)

    def test_clipped_gradients_move_less(self, patches, tmp_path):
        """A norm of 1e-9 is far below the 1e-7 that Adam adds to its denominator."""
        free, _ = trained(patches, tmp_path / "free")
        clipped, _ = trained(patches, tmp_path / "clipped", clip_norm=1e-9)
        start = build("autoencoder", 0, filters=4).get_weights()
        moved = [
            sum(np.abs(a - b).sum() for a, b in zip(model.get_weights(), start, strict=True))
            for model in (free, clipped)
        ]
        assert moved[1] < 0.2 * moved[0]

    def test_bfloat16_trains_float32_weights_to_a_float32_image(self, patches, tmp_path):
        model = build("ridnet", 0, precision="mixed_bfloat16", filters=4)
        history = train(model, patches, patches.spread(4), 2, tmp_path, batch_size=8)
        assert np.isfinite(history["loss"]).all()
        assert {weight.dtype for weight in model.weights} == {"float32"}
        assert model.get_layer("eam1.residual.conv1").compute_dtype == "bfloat16"
        noisy = patches.noisy(np.arange(2))
        denoised = model.predict_on_batch(noisy)
        assert denoised.dtype == np.float32
        exact = build("ridnet", 1, filters=4)
        exact.set_weights(model.get_weights())
        np.testing.assert_allclose(denoised, exact.predict_on_batch(noisy), atol=0.02)

    def test_tensorboard_events_are_written_on_request(self, patches, tmp_path):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        _, history = trained(patches, tmp_path, tensorboard=True)
        log = EventAccumulator(str(tmp_path / "autoencoder.tensorboard"))
        log.Reload()
        events = [tensor.tensor_proto.float_val[0] for tensor in log.Tensors("loss")]
        np.testing.assert_allclose(events, history["loss"], rtol=1e-6)


class TestCbdnetLoss:
    def test_it_teaches_the_noise_level(self, tmp_path):
        """On captures whose noise is known, the map comes to be as strong as the noise."""
        pairs = [pair for pair in load_pairs("sample") if pair.scene == "coffee"]
        patches = cut_patches("sample", pairs, size=64).spread(24)
        untrained, model = (build("cbdnet", 0, filters=8) for _ in range(2))
        settings = {"batch_size": 4, "crop_size": 32, "learning_rate": 3e-3}
        train(model, patches, patches.spread(4), 15, tmp_path, loss="cbdnet-mae", **settings)
        before, after = (
            np.abs(table["estimated"] - table["true"]).mean()
            for table in (noise_estimates(network, patches) for network in (untrained, model))
        )
        assert after < 0.2 * before

    def test_only_cbdnet_has_it(self, patches, tmp_path):
        with pytest.raises(CaseStudyError, match="autoencoder does not have"):
            trained(patches, tmp_path, loss="cbdnet-mae")


class TestCritic:
    def test_the_denoiser_does_not_learn_what_teaches_the_critic(self, patches, tmp_path):
        """With next to no weight, the same training as without a critic."""
        alone, _ = trained(patches, tmp_path / "alone", loss="mae")
        beside, history = trained(patches, tmp_path / "with", loss="mae", critic_weight=1e-12)
        for weight, same in zip(beside.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_allclose(weight, same, atol=1e-5)
        assert 0 < history["loss"].iloc[-1] < 2.5  # hinges begin at 2, and fall

    def test_the_last_epoch_is_kept_whatever_its_psnr(self, patches, tmp_path, monkeypatch):
        falling = itertools.count(30, -1)
        monkeypatch.setattr(
            PSNR, "result", lambda self: keras.ops.convert_to_tensor(next(falling))
        )
        trained(patches, tmp_path, 2, critic_weight=0.1)
        kept, last = (
            (tmp_path / f"autoencoder{x}.safetensors").read_bytes() for x in ("", ".last")
        )
        assert kept == last
        assert json.loads((tmp_path / "autoencoder.json").read_text())["best"]["epoch"] == 2

    def test_the_denoiser_seeks_a_high_score(self, patches, monkeypatch):
        """Of a critic that likes bright images: the denoised ones become brighter than without."""
        likes_bright = keras.Sequential([keras.Input((None, None, 6)), keras.layers.Conv2D(1, 1)])
        likes_bright.set_weights([np.ones((1, 1, 6, 1)), np.zeros(1)])
        likes_bright.trainable = False
        monkeypatch.setattr("casestudy.training.critic.build_critic", lambda: likes_bright)
        everyone = np.arange(len(patches))
        noisy, clean = patches.noisy(everyone), patches.clean(everyone)
        means = []
        for weight in (0.0, 1.0):
            model = build("autoencoder", 0, filters=4)
            judged = WithCritic(model, weight)
            judged.compile(keras.optimizers.SGD(1e-3), "mae")
            judged.train_on_batch(noisy, clean)
            means.append(model.predict_on_batch(noisy).mean())
        assert means[1] > means[0] + 1e-4


class TestHinetsLoss:
    def test_the_first_result_learns_too(self, patches, tmp_path, monkeypatch):
        monkeypatch.setattr(hinet, "LEVELS", 2)  # five take long to compile
        model, all_of_them = build("hinet", filters=4), np.arange(len(patches))
        noisy, clean = patches.noisy(all_of_them), patches.clean(all_of_them)

        def error():
            return np.abs(
                hinet.with_first_result(model).predict_on_batch(noisy)[..., 3:] - clean
            ).mean()

        before = error()
        settings = {"batch_size": 8, "optimizer": "muon", "learning_rate": 3e-3}
        train(model, patches, patches.spread(4), 3, tmp_path, loss="hinet-mae", **settings)
        assert error() < 0.9 * before

    def test_only_hinet_has_it(self, patches, tmp_path):
        with pytest.raises(CaseStudyError, match="autoencoder has one"):
            trained(patches, tmp_path, loss="hinet-mae")


class TestRefusals:
    def test_squares_that_a_network_cannot_halve_often_enough(self, patches, tmp_path):
        with pytest.raises(CaseStudyError, match="uformer takes squares of 128 pixels"):
            trained(patches, tmp_path, name="uformer")

    def test_other_settings_in_the_same_folder(self, patches, tmp_path):
        trained(patches, tmp_path)
        with pytest.raises(CaseStudyError, match="batch_size was 8 and is now 4"):
            trained(patches, tmp_path, batch_size=4)

    def test_other_first_weights_or_data_in_the_same_folder(self, patches, tmp_path):
        trained(patches, tmp_path)
        with pytest.raises(CaseStudyError, match=r"first weights.*delete autoencoder\.\*"):
            trained(patches, tmp_path, build_seed=1)
        with pytest.raises(CaseStudyError, match="training patches"):
            trained(patches.spread(16), tmp_path)

    def test_a_finished_training_is_loaded_not_repeated(self, patches, tmp_path, capsys):
        model, history = trained(patches, tmp_path)
        began = (tmp_path / "autoencoder.json").stat().st_mtime_ns
        again, same = trained(patches, tmp_path)
        assert same_weights(model, again) and "autoencoder: trained" in capsys.readouterr().out
        pd.testing.assert_frame_equal(history, same)
        assert (tmp_path / "autoencoder.json").stat().st_mtime_ns == began

    def test_a_network_that_was_trained_already_has_to_be_built_again(self, patches, tmp_path):
        model, _ = trained(patches, tmp_path)
        with pytest.raises(CaseStudyError, match="trained since it was built"):
            train(model, patches, patches.spread(4), 2, tmp_path, batch_size=8, crop_size=0)

    def test_weights_that_were_changed_since(self, patches, tmp_path):
        trained(patches, tmp_path)
        (tmp_path / "autoencoder.safetensors").write_bytes(b"")
        with pytest.raises(CaseStudyError, match=r"autoencoder\.safetensors is not the file"):
            trained(patches, tmp_path)

    def test_weights_that_were_trained_on_what_is_tested(self, pair_folder, tmp_path):
        def opened(seed):
            return open_experiment(
                f"folder:{pair_folder}", str(tmp_path / "run"), seed, patch_size=32
            )

        model = build("autoencoder", filters=4)
        history = train_or_load(model, opened(0), "train", 1, batch_size=8)
        again = train_or_load(build("autoencoder", filters=4), opened(0), "run", 5)
        pd.testing.assert_frame_equal(history, again)
        with pytest.raises(CaseStudyError, match=r"tested here.* such as scene"):
            train_or_load(model, opened(1), "run", 1)

    def test_loading_what_was_never_finished(self, tmp_path):
        with pytest.raises(CaseStudyError, match="no finished training of ridnet"):
            load_training(build("ridnet", filters=4), tmp_path)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"loss": "l2"}, "'mse'"),
            ({"schedule": "linear"}, "'cosine'"),
            ({"batch_size": 0}, "batch_size"),
            ({"epochs": 0}, "epochs"),
            ({"learning_rate": 0.0}, "learning_rate"),
        ],
    )
    def test_unusable_settings(self, patches, tmp_path, settings, message):
        with pytest.raises(CaseStudyError, match=message):
            trained(patches, tmp_path, **settings)

    def test_no_patches(self, patches, tmp_path):
        model = build("autoencoder", filters=4)
        with pytest.raises(CaseStudyError, match="0 to validate"):
            train(model, patches, patches.take(np.array([], int)), 1, tmp_path)


def test_how_a_gpu_is_fed_does_not_change_the_training(patches, tmp_path, monkeypatch):
    """Batches by several threads, and eight steps at a time, of fourteen in an epoch."""
    settings = {"batch_size": 4, "crop_size": 16, "simulated_share": 0.5, "schedule": "constant"}
    model, history = trained(patches, tmp_path / "cpu", 2, **settings)
    monkeypatch.setattr("casestudy.training.loop.on_gpu", lambda: True)
    as_on_gpu, its_history = trained(patches, tmp_path / "gpu", 2, **settings)
    assert same_weights(model, as_on_gpu)
    pd.testing.assert_frame_equal(
        history.drop(columns="seconds"), its_history.drop(columns="seconds"), check_exact=True
    )


class TestStop:
    @pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
    def test_a_stopped_training_ends_as_one_that_was_not(
        self, patches, tmp_path, monkeypatch, precision
    ):
        """Stopped at the twelfth batch; seven are an epoch, and a checkpoint follows each."""
        settings = {
            "batch_size": 8,
            "crop_size": 16,
            "simulated_share": 0.5,
            "checkpoint_minutes": 0.0,
        }

        def run(folder):
            model = build("autoencoder", 0, precision, filters=4)
            history = train(model, patches, patches.spread(4), 3, folder, **settings)
            return model, history.drop(columns="seconds")

        assert len(patches) // 8 == 7
        whole, history = run(tmp_path / "whole")
        original = PatchBatches.__getitem__

        def stop_there(batches, index):
            if (batches.epoch, batches.training, batches.positions[index]) == (1, True, 4):
                raise RuntimeError("stop here")
            return original(batches, index)

        with monkeypatch.context() as patch:
            patch.setattr(PatchBatches, "__getitem__", stop_there)
            with pytest.raises(Exception, match="stop here"):
                run(tmp_path / "stopped")
        _, state = load_checkpoint(tmp_path / "stopped" / "autoencoder.checkpoint")
        assert state["progress"]["epoch"] == 1
        assert state["progress"]["step"] in (3, 4)  # batches are made in advance
        again, same_history = run(tmp_path / "stopped")
        assert same_weights(whole, again)
        pd.testing.assert_frame_equal(history, same_history, rtol=1e-6)  # sums of parts

    def test_ctrl_c_ends_the_batch_and_resumes_there(self, patches, tmp_path, monkeypatch, capsys):
        settings = {"batch_size": 8, "crop_size": 16, "epochs": 2}
        whole, _ = trained(patches, tmp_path / "whole", **settings)
        original = PatchBatches.__getitem__

        def ctrl_c(batches, index):
            if (batches.epoch, batches.training, batches.positions[index]) == (1, True, 3):
                signal.raise_signal(signal.SIGINT)
            return original(batches, index)

        usual = signal.getsignal(signal.SIGINT)
        with monkeypatch.context() as patch:
            patch.setattr(PatchBatches, "__getitem__", ctrl_c)
            with pytest.raises(KeyboardInterrupt):
                trained(patches, tmp_path / "stopped", **settings)
        assert signal.getsignal(signal.SIGINT) is usual
        _, state = load_checkpoint(tmp_path / "stopped" / "autoencoder.checkpoint")
        step = state["progress"]["step"]
        assert state["progress"]["epoch"] == 1 and 0 < step < 7
        assert f"stopped after step {step} of 7" in capsys.readouterr().out
        again, _ = trained(patches, tmp_path / "stopped", **settings)
        assert f"resuming after epoch 1, step {step}" in capsys.readouterr().out
        assert same_weights(whole, again)


class TestTimeBudget:
    """On a clock of the test's own, which goes on by a second whenever it is looked at."""

    @pytest.fixture(autouse=True)
    def clock(self, monkeypatch):
        seconds = itertools.count()
        monkeypatch.setattr(
            "casestudy.training.loop.time.perf_counter", lambda: float(next(seconds))
        )

    def test_the_rate_falls_to_zero_by_the_end_of_the_time(self, patches, tmp_path):
        _, history = trained(patches, tmp_path, 1000, max_minutes=1, learning_rate=1e-3)
        assert history["seconds"].sum() == pytest.approx(60, abs=4)
        rates = history["learning_rate"]
        assert rates.is_monotonic_decreasing and rates.iloc[-1] < 0.01 * 1e-3
        over = np.cumsum(history["seconds"]) / 60  # share of the time, after each epoch
        np.testing.assert_allclose(rates, 5e-4 * (1 + np.cos(np.pi * over.clip(0, 1))), atol=1e-4)

    def test_it_ends_with_a_usable_network(self, patches, tmp_path):
        model, history = trained(patches, tmp_path, 1000, max_minutes=0.2)
        manifest = json.loads((tmp_path / "autoencoder.json").read_text())
        steps = manifest["megapixels"] * 1e6 / (8 * 32**2)
        assert 2 <= steps < 20 and steps == pytest.approx(round(steps))
        assert len(history) == -(-round(steps) // 7)
        fresh = build("autoencoder", 1, filters=4)
        load_training(fresh, tmp_path)
        assert same_weights(fresh, model)

    def test_steps_end_a_training_that_needs_less_time(self, patches, tmp_path):
        _, free = trained(patches, tmp_path / "free", 2)
        _, limited = trained(patches, tmp_path / "limited", 2, max_minutes=1000)
        columns = ["loss", "val_loss", "learning_rate"]
        pd.testing.assert_frame_equal(free[columns], limited[columns])

    def test_a_stopped_training_goes_on_with_the_time_that_is_left(
        self, patches, tmp_path, monkeypatch
    ):
        original = PatchBatches.__getitem__

        def stop_there(batches, index):
            if batches.training and (batches.epoch, batches.positions[index]) == (2, 1):
                raise RuntimeError("stop here")
            return original(batches, index)

        with monkeypatch.context() as patch:
            patch.setattr(PatchBatches, "__getitem__", stop_there)
            with pytest.raises(Exception, match="stop here"):
                trained(patches, tmp_path, 1000, max_minutes=1)
        _, history = trained(patches, tmp_path, 1000, max_minutes=1)
        assert history["seconds"].sum() == pytest.approx(60, abs=4)

    def test_a_finished_training_goes_on_when_given_more_time(self, patches, tmp_path):
        _, first = trained(patches, tmp_path, 1000, max_minutes=2)
        before = json.loads((tmp_path / "autoencoder.json").read_text())
        _, history = trained(patches, tmp_path, 1000, max_minutes=4)
        pd.testing.assert_frame_equal(history.head(len(first)), first)
        assert history["epoch"].tolist() == list(range(1, len(history) + 1))
        assert history["seconds"].sum() == pytest.approx(240, abs=8)
        # At half of the time the cosine has fallen to a half, not to zero.
        assert first["learning_rate"].iloc[-1] < 0.1e-3
        assert 0.3e-3 < history["learning_rate"].iloc[len(first)] <= 0.5e-3
        after = json.loads((tmp_path / "autoencoder.json").read_text())
        assert 1.5 * before["megapixels"] < after["megapixels"] < 3 * before["megapixels"]
        assert history["val_psnr_db"].max() == after["best"]["val_psnr_db"]
        with pytest.raises(CaseStudyError, match=r"max_minutes was 4\.0 and is now 2\.0"):
            trained(patches, tmp_path, 1000, max_minutes=2)

    def test_a_kill_after_the_time_is_over_loses_nothing(self, patches, tmp_path, monkeypatch):
        """Between the last step and the validation, in the first epoch."""

        def killed(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(keras.Model, "evaluate", killed)
            with pytest.raises(KeyboardInterrupt):
                trained(patches, tmp_path, 1000, max_minutes=0.1)
        _, history = trained(patches, tmp_path, 1000, max_minutes=0.1)
        assert len(history) == 1 and (tmp_path / "autoencoder.safetensors").is_file()

    def test_a_warm_up_longer_than_the_time_ends_low_as_well(self, patches, tmp_path):
        _, history = trained(patches, tmp_path, 1000, max_minutes=0.5, warmup_steps=20)
        assert history["learning_rate"].iloc[-1] < 0.1 * 1e-3


class TestDivergence:
    def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(
        self, patches, tmp_path, monkeypatch
    ):
        original = PatchBatches.__getitem__

        def poisoned(batches, index):
            noisy, clean = original(batches, index)
            if batches.training and (batches.epoch, batches.positions[index]) == (1, 5):
                clean = clean * np.float32("nan")
            return noisy, clean

        monkeypatch.setattr(PatchBatches, "__getitem__", poisoned)
        with pytest.raises(CaseStudyError, match="loss of batch 6 of epoch 2 not finite") as stop:
            trained(patches, tmp_path, epochs=3, checkpoint_minutes=0.0)
        assert str(tmp_path) in str(stop.value)
        arrays, state = load_checkpoint(tmp_path / "autoencoder.checkpoint")
        assert state["progress"]["epoch"] == 1 and state["progress"]["step"] < 6
        assert all(np.isfinite(array).all() for array in arrays.values())
        assert not (tmp_path / "autoencoder.json").exists()

    def test_weights_that_the_last_step_ruins_are_not_a_result(self, patches, tmp_path):
        with pytest.raises(CaseStudyError, match=r"epoch 1.* not finite"):
            trained(patches, tmp_path, 1, batch_size=60, learning_rate=1e38, schedule="constant")
        assert not (tmp_path / "autoencoder.safetensors").exists()


PROGRAM = """
import sys
from pathlib import Path
import keras
from casestudy.data.catalogue import load_pairs
from casestudy.models import build
from casestudy.data.patches import cut_patches
from casestudy.training.train import train

name, folder = f"folder:{sys.argv[1]}", Path(sys.argv[2])
patches = cut_patches(name, load_pairs(name), size=32)
model = build("autoencoder", 0, filters=16)
# A random layer, whose state has to survive as well.
x = keras.layers.GaussianDropout(0.2, seed=1, name="dropout")(model.output)
model = keras.Model(model.input, x, name="autoencoder")
print("ready", flush=True)
train(model, patches, patches.spread(4), 10, folder, batch_size=4, crop_size=16,
      optimizer="muon", clip_norm=1.0, warmup_steps=5, simulated_share=0.5,
      checkpoint_minutes=0.01)
"""


def changed(path):
    """Return when a file was changed, or 0 as long as there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


class TestKill:
    def run(self, pair_folder, folder, kill_after=None, in_checkpoint=False):
        """Train in a process of its own, and kill it so many seconds after it wrote something."""
        checkpoint = folder / "autoencoder.checkpoint"
        before = changed(checkpoint)
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(pair_folder), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        assert process.stdout.readline() == "ready\n"
        if kill_after is not None:
            while changed(checkpoint) == before and process.poll() is None:
                time.sleep(0.01)
            time.sleep(kill_after)
            while in_checkpoint and process.poll() is None:
                # Path.glob fails where a folder vanishes meanwhile.
                if glob(f"{folder}/.autoencoder*-*/*.checkpoint"):  # noqa: PTH207
                    break
            process.send_signal(signal.SIGKILL)
        output = process.stdout.read()
        return process.wait(), output

    def test_a_killed_training_ends_as_one_that_was_not(self, pair_folder, tmp_path):
        """Killed at random moments and while a checkpoint is being written, damaged once."""
        code, _ = self.run(pair_folder, tmp_path / "whole")
        assert code == 0
        rng = random.Random(0)
        killed, continued, damaged, told = tmp_path / "killed", 0, 0, 0
        for attempt in range(3):
            code, output = self.run(
                pair_folder, killed, rng.uniform(0, 1), in_checkpoint=attempt % 2 == 1
            )
            continued += "resuming" in output
            told += "is damaged" in output
            if code == 0:
                break
            assert code == -signal.SIGKILL
            last = killed / "autoencoder.checkpoint"
            if last.exists() and previous(last).exists() and not damaged:
                last.write_bytes(last.read_bytes()[:-100])
                damaged = 1
        code, output = self.run(pair_folder, killed)
        told += "is damaged" in output
        assert code == 0 and continued and damaged == told == 1
        for suffix in (".safetensors", ".last.safetensors"):
            whole, again = (
                (tmp_path / run / f"autoencoder{suffix}").read_bytes()
                for run in ("whole", "killed")
            )
            assert whole == again
        whole, again = (
            pd.read_csv(tmp_path / run / "autoencoder.history.csv").drop(columns="seconds")
            for run in ("whole", "killed")
        )
        pd.testing.assert_frame_equal(whole, again, rtol=1e-6)  # sums of parts
        assert not list(killed.glob(".autoencoder*-*"))
