"""Scores end to end: protocols, names, caches, processes."""

import json
import math

import pytest
import torch
import torch.multiprocessing as mp

from engine.errors import UserError
from eval.metrics import evaluate as module
from eval.metrics.evaluate import evaluate, reference
from eval.metrics.extractors import get
from eval.metrics.frechet import frechet
from iterators.common import DataIterator
from tests.eval.test_statistics import LINEAR, PIXELS

OF_TWO_SETS = [m for m in module.METRICS if m not in module.OF_PAIR]


def images(n=60, seed=0):
    return torch.randint(
        0, 256, (n, 1, 4, 4), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8
    )


def sample(n):
    return (torch.rand(n, 1, 4, 4) * 2 - 1) * 0.8


def data(n=60):
    return {
        "train": DataIterator({"x": images(n)}, 8),
        "test": DataIterator({"x": images(40, 1)}, 8, shuffle=False),
    }


def given(x):
    """A generator that gives these images, at most 64 of them."""
    return lambda n: torch.cat([x, torch.zeros_like(x)])[:n]


def values(results):
    return {result["metric"]: result["value"] for result in results}


def test_what_a_result_says(tmp_path):
    results = evaluate(
        sample,
        data(),
        LINEAR,
        "40-50-test",
        ("fid", "is", "kid", "prdc", "modes"),
        batch=16,
        seed=4,
        cache=tmp_path,
    )
    assert [r["metric"] for r in results] == [
        "fid",
        "is",
        "kid",
        "precision",
        "recall",
        "density",
        "coverage",
        "modes",
        "kl",
        "entropy",
        "confidence",
    ]
    fid, score, kid, precision = results[:4]
    assert (
        fid["title"] == "FD-linear"
        and fid["name"] == "FD-linear 40-50-test"
        and fid["std"] is None
        and not fid["singular"]
    )
    assert score["name"] == "score-linear 50" and score["std"] > 0 and score["n_real"] is None
    assert kid["name"] == "KID-linear 40-50-test" and kid["std"] > 0
    assert (
        precision["name"] == "precision-linear 40-test" and precision["n_real"] == precision["n_fake"] == 40
    )
    for r in results:
        assert (r["extractor"], r["sha256"], r["protocol"], r["split"], r["seed"]) == (
            "linear",
            "0" * 64,
            "40-50-test",
            "test",
            4,
        )
        assert (
            type(r["value"]) is float
            and {"python", "torch", "numpy", "scipy"} <= r["versions"].keys()
            and r["resize"] == "none"
        )
    assert json.loads(json.dumps(results)) == results


def test_names_with_the_official_network():
    official = get("pixels")
    official.official = True
    assert module.name("fid", official, 50_000, 50_000, "train") == "fid50k_train"
    assert module.name("is", official, None, 50_000, "train") == "is50k"
    assert module.name("kid", official, 10_000, 5_000, "test") == "kid10k_5k_test"


def test_the_frechet_distance_is_that_of_all_the_images():
    fake = images(60, 7)
    (result,) = evaluate(given(fake), images(), PIXELS, "full", ("fid",))
    x, y = (part.flatten(1).double().numpy() / 255 for part in (images(), fake))
    import numpy as np

    assert result["value"] == pytest.approx(frechet(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T)), rel=1e-6)
    assert not result["singular"] and result["protocol"] == "60-train"


def test_real_against_itself_is_nothing_and_few_are_marked():
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    found = evaluate(given(images()[order]), images(), PIXELS, "full", ("fid", "kid", "prdc"))
    assert (
        abs(values(found)["fid"]) < 1e-6
        and abs(values(found)["kid"]) < 1
        and values(found)["precision"] == values(found)["coverage"] == 1
    )
    (few,) = evaluate(given(images()), images(), PIXELS, "10-train", ("fid",))
    assert few["singular"] and few["value"] > 0.1


def test_scores_do_not_depend_on_the_batch_size(tmp_path):
    a, b = (
        values(
            evaluate(
                sample, images(150), LINEAR, "full", OF_TWO_SETS, batch=batch, cache=tmp_path / str(batch)
            )
        )
        for batch in (500, 7)
    )
    assert a == pytest.approx(b, rel=1e-5)


def test_it_disturbs_nothing_and_repeats_itself(tmp_path):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = (
        values(evaluate(sample, data(), LINEAR, "full-test", batch=16, seed=seed, cache=tmp_path))
        for seed in (0, 0, 1)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert first == second != other


def test_a_reference_serves_many_generators(tmp_path, monkeypatch):
    real = reference(data(), LINEAR, "full-test", cache=tmp_path)
    monkeypatch.setattr(module.sources, "of", lambda *a: pytest.fail("the real images were read again"))
    assert values(evaluate(sample, real, LINEAR, "full-test")) != values(
        evaluate(lambda n: -sample(n), real, LINEAR, "full-test")
    )


def test_statistics_are_found_again_but_never_those_of_other_weights_images_or_counts(tmp_path, monkeypatch):
    collected = []
    collect = module.statistics.collect
    monkeypatch.setattr(module.statistics, "collect", lambda *a: collected.append(1) or collect(*a))

    def made(real=None, extractor=PIXELS, protocol="full-test", metrics=("fid",)):
        collected.clear()
        reference(real or data(), extractor, protocol, metrics, cache=tmp_path)
        return bool(collected)

    assert made() and not made() and not made(data()["test"])
    changed = get("pixels")
    changed.sha256 = "other"
    assert made(extractor=changed) and not made(extractor=changed)
    resized = get("pixels")
    resized.resize = "to 3x3"
    assert made(extractor=resized) and made(protocol="30-test") and made(metrics=("fid", "kid"))
    other = data()
    other["test"].source.tensors["x"][39, 0, 3, 3] ^= 1
    assert made(other) and not made()


def test_a_stream_of_batches_without_a_fingerprint(tmp_path):
    batches = [{"x": part.float() / 127.5 - 1} for part in images().split(7)]
    streamed = values(evaluate(sample, batches, PIXELS, "full", ("fid",), batch=16, cache=tmp_path))
    assert streamed["fid"] == pytest.approx(
        values(evaluate(sample, images(), PIXELS, "full", ("fid",), batch=16, cache=tmp_path))["fid"],
        rel=1e-6,
    )
    assert len(list((tmp_path / "statistics").iterdir())) == 1


@pytest.mark.parametrize(
    "protocol, message",
    [
        ("50k-train", "the data has 60 train images; use 60-train or full-train"),
        ("full-valid", "the data has no valid split; use one of train, test"),
        ("many", "<real images>"),
    ],
)
def test_protocols_that_do_not_fit(protocol, message):
    with pytest.raises(UserError, match=f"^--protocol: given '?{protocol}'?[;,] .*{message}"):
        evaluate(sample, data(), PIXELS, protocol, ("fid",))


def test_samples_that_are_no_numbers():
    with pytest.raises(
        UserError, match="^the generator's samples: 16 of 16 in a batch have values that are not finite"
    ):
        evaluate(lambda n: sample(n) * math.nan, data(), PIXELS, "full-test", ("fid",), batch=16)


def test_samples_of_another_shape():
    with pytest.raises(UserError, match=r"samples have shape \[1, 4, 2\] and the real images \[1, 4, 4\]"):
        evaluate(lambda n: sample(n)[..., :2], data(), get("pixels"), "full-test", ("fid",))


def test_metrics_that_there_are_not_or_need_more():
    for metrics, message in (
        (("fidd",), "given fidd; use some of fid, is, kid, prdc, modes"),
        ((), "given none"),
        (("is",), "--extractor=pixels does not have"),
    ):
        with pytest.raises(UserError, match=message):
            evaluate(sample, data(), PIXELS, "full-test", metrics)
    with pytest.raises(
        UserError,
        match="is needs 10 generated images or more, given 9 real and 9 generated; use more images, as in "
        "--protocol=",
    ):
        evaluate(sample, data(), LINEAR, "9-test", ("is",))
    with pytest.raises(
        UserError,
        match="prdc needs 6 images of each kind or more, given 5 real and 5 generated; use more images",
    ):
        evaluate(sample, data(), LINEAR, "5-test", ("prdc",))


def test_features_that_are_no_numbers(tmp_path):
    broken = get("pixels")
    broken.network = lambda x: x.flatten(1).float() / 0.0 * 0
    with pytest.raises(UserError, match="FD-pixels is nan: the features"):
        evaluate(sample, data(), broken, "full-test", ("fid",), cache=tmp_path)


def in_processes(rank, world, folder):
    import torch.distributed as dist

    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    out = {}
    for name, real in (
        ("held", data()),
        ("few", data()),
        ("stream", {"test": [{"x": part} for part in images(40, 1).split(9)]}),
    ):
        protocol = "12-test" if name == "few" else "37-150-test"
        out[name] = evaluate(
            sample,
            real,
            PIXELS if name == "few" else LINEAR,
            protocol,
            ("fid", "kid", "prdc") if name == "few" else OF_TWO_SETS,
            batch=8,
            cache=f"{folder}/{world}",
        )
    try:
        evaluate(
            lambda n: sample(n) * (math.nan if rank else 1),
            data(),
            PIXELS,
            "40-200-test",
            ("fid",),
            batch=16,
            cache=f"{folder}/{world}",
        )
    except UserError as error:
        out["error"] = str(error)
    with open(f"{folder}/{world}_{rank}.json", "w") as file:
        json.dump(out, file)
    if world > 1:
        dist.destroy_process_group()


def test_two_processes_give_what_one_gives(tmp_path):
    in_processes(0, 1, tmp_path)
    mp.spawn(in_processes, (2, str(tmp_path)), nprocs=2)
    one, a, b = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("1_0", "2_0", "2_1"))
    assert a == b and "error" not in one and "not finite" in a["error"]
    for name in ("held", "few", "stream"):
        # a stream's batches are cut up among processes, which moves the last digits of float32 features
        assert values(one[name]) == pytest.approx(values(a[name]), rel=1e-6 if name == "stream" else 1e-12)
        assert [r["n_fake"] for r in one[name]] == [r["n_fake"] for r in a[name]]
    assert one["few"][0]["singular"] and {
        r["n_fake"] for r in one["held"] if r["metric"] in ("fid", "is")
    } == {150}


def test_too_few_images_are_found_before_any_is_measured():
    """As the reference is made, before the first step of training; errors say what to use."""
    silent = get("pixels")
    silent.network = None
    for protocol, metrics in (("5-9-train", ("prdc",)), ("20-5-train", ("prdc",)), ("20-9-train", ("is",))):
        silent.has_logits = True
        with pytest.raises(
            UserError, match="use more images, as in --protocol=1k-train or full-train"
        ) as caught:
            reference(data(), silent, protocol, metrics)
        assert len(str(caught.value)) <= 300


def test_few_images_say_how_many_would_be_enough():
    from eval.metrics.evaluate import few_images

    assert few_images(20, 20_000).endswith("use more than 20,000 images, as in --protocol=50k-train")
    assert few_images(20, 200_000).endswith("use more than 200,000 images")
    assert few_images(20, 128).startswith("20 images for 128 features")
    assert few_images(20, 128).endswith("more than 128 images, as in --protocol=10k-train")
