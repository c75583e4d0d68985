"""--mode=translate, and its measures against values known beforehand."""

import json
import os

import pytest
import torch

import task_launcher
from engine.errors import UserError
from eval.modes import translation
from eval.reports import runs
from iterators import colour_mnist
from tests.iterators.test_unpaired import folders
from tests.running import ROOT, mode, train

WORDS = [
    f"--trainer={ROOT}/trainers/cyclegan.py",
    f"--network={ROOT}/networks/cyclegan_mnist.py",
    "--network_args",
    "width=4",
    "disc_width=4",
    "blocks=1",
    "--iterator_args",
    "size=16",
    "channels=1",
    "channels_b=3",
    "--samples=4",
]


def test_a_translator_that_hides_what_it_removes_is_found_out():
    """F keeps the first pixel's row and writes the rest, divided by 1000, over a constant; G multiplies by
    1000: perfect until a little noise comes."""
    torch.manual_seed(0)
    x = torch.rand(50, 1, 8, 8) * 2 - 1
    honest, made = translation.one_way(x, lambda x: -x, lambda y: -y, 0.02)
    assert honest["cycle_error"] == 0 and honest["ratio_noisy"] is None and torch.equal(made, -x)
    assert abs(honest["cycle_error_noisy"] - 0.02 * (2 / torch.pi) ** 0.5) < 1e-3  # E |N(0, 0.02)|
    assert 0.001 < honest["cycle_error_rounded"] < 1 / 255
    hidden, made = translation.one_way(x, lambda x: 0.5 + x / 1000, lambda y: 1000 * (y - 0.5), 0.02)
    assert made.std() < 1e-3 and hidden["cycle_error"] < 1e-4
    assert (
        abs(hidden["cycle_error_noisy"] / (20 * (2 / torch.pi) ** 0.5) - 1) < 0.05
        and hidden["cycle_error_rounded"] > 0.5
    )
    assert hidden["ratio_noisy"] > 1e4


def test_background_deviation():
    flat = torch.linspace(-1, 1, 21)[:, None, None, None].expand(21, 3, 8, 8).clone()
    assert abs(translation.background_std(flat) - torch.linspace(-1, 1, 21).std().item()) < 1e-6
    flat[:, :, 2:-2, 2:-2] = torch.randn(21, 3, 4, 4)  # the digit's place does not count
    assert abs(translation.background_std(flat) - torch.linspace(-1, 1, 21).std().item()) < 1e-6
    assert translation.background_std(torch.zeros(5, 3, 8, 8)) == 0


def test_masks_of_coloured_digits_are_found():
    """Where the coloured digit is inside out, on the texture: nearly all pixels of the digit, and few
    others."""
    x = torch.zeros(30, 1, 28, 28, dtype=torch.uint8)
    x[:, :, 5:23, 12:15] = 255
    x[:, :, 20:23, 8:19] = 255
    made = colour_mnist.coloured(x, [colour_mnist.texture(256)], 0)
    found = translation.mask(made / 127.5 - 1)
    assert found.shape == (30, 1, 28, 28) and 0 <= found.min() and found.max() <= 1
    inside = x > 0
    agree = ((found > 0.5) == inside).float().mean((1, 2, 3))
    assert agree.median() > 0.97 and found[inside].mean() > 0.8 and found[~inside].mean() < 0.1
    assert translation.mask(torch.full((2, 3, 28, 28), 0.5)).max() < 0.5  # no digit, no mask


def test_the_mode_writes_grids_json_and_lines(tmp_path, monkeypatch, capsys):
    class Judge:
        def __call__(self, images):
            return {"logits": torch.nn.functional.one_hot(images.sum((1, 2, 3)).long() % 10, 10).float()}

    monkeypatch.setattr(translation.classifier, "trained", lambda train, test: (Judge(), 0.75, "digest"))
    assert train(tmp_path, *WORDS, "--max_steps=2") == 0
    assert (
        mode(tmp_path, "--mode=translate", "--metrics", "fid", "--extractor=pixels", "--protocol=20-test")
        == 0
    )
    folder = tmp_path / "deleteme" / "s0"
    found = json.loads((folder / "translate" / "step00000002.json").read_text())
    assert found["split"] == "test" and found["ab"].keys() == {
        "cycle_error",
        "cycle_error_rounded",
        "cycle_error_noisy",
        "ratio_noisy",
        "background_std",
        "background_std_real",
        "mask_accuracy",
        "mask_accuracy_real",
        "scores",
    }
    assert found["ba"]["label_accuracy_real"] == 0.75 and 0 <= found["ba"]["label_accuracy"] <= 1
    for name in ("ab", "ba"):
        assert (folder / "translate" / f"step00000002_{name}.png").stat().st_size > 1000
        assert found[name]["ratio_noisy"] == pytest.approx(
            found[name]["cycle_error_noisy"] / found[name]["cycle_error"]
        )
    (run,) = runs.find([str(tmp_path)])
    names = set(run.evaluations)
    assert {
        "label accuracy B to A",
        "cycle error A",
        "cycle error B, noisy",
        "mask accuracy A to B",
        "background deviation A to B",
    } <= names
    assert sum("of A to B" in n or "of B to A" in n for n in names) == 2
    assert run.evaluations["cycle error A"][-1].value == found["ab"]["cycle_error"]
    shown = capsys.readouterr().out
    assert "B to A: cycle error " in shown and "label accuracy 0" in shown
    # again: the same files
    assert mode(tmp_path, "--mode=translate") == 0 and len(run.evaluations) == len(names)


def test_the_mode_evaluate_measures_translations_to_a(tmp_path):
    assert train(tmp_path, *WORDS, "--max_steps=2") == 0
    assert (
        mode(tmp_path, "--mode=evaluate", "--metrics", "fid", "--extractor=pixels", "--protocol=20-test") == 0
    )
    (run,) = runs.find([str(tmp_path)])
    assert [n for n in run.evaluations if n.endswith("of translations to A")]


def test_other_trainers_do_not_translate(tmp_path):
    assert train(tmp_path, "--max_steps=1") == 0
    with pytest.raises(UserError, match="--mode=translate: .* has no to_b"):
        mode(tmp_path, "--mode=translate")


def test_two_folders_from_training_to_measures(tmp_path):
    """No labels, domains of 7 and 5 images, random crops: trained in batches of one, then measured on the
    test folders."""
    folders(tmp_path / "data", {"trainA": 7, "trainB": 5, "testA": 3, "testB": 4})
    data = [
        "--iterator=iterators/unpaired_images.py",
        "--iterator_args",
        f"root={tmp_path / 'data'}",
        "size=16",
        "load_size=20",
        "channels=3",
    ]
    words = [
        word for word in WORDS if word not in ("--iterator_args", "size=16", "channels=1", "channels_b=3")
    ]
    here = os.getcwd()
    os.chdir(ROOT)
    try:
        assert (
            task_launcher.main(
                [
                    *words,
                    *data,
                    f"--save_path={tmp_path}",
                    "--batch_size=1",
                    "--epochs=1",
                    "--identity=0.5",
                    "--cpu",
                    "--network_args",
                    "norm=instance",
                ]
            )
            == 0
        )
        assert mode(tmp_path, "--mode=translate") == 0
    finally:
        os.chdir(here)
    found = json.loads((tmp_path / "deleteme" / "s0" / "translate" / "step00000007.json").read_text())
    assert (
        found["ab"].keys()
        == found["ba"].keys()
        == {"cycle_error", "cycle_error_rounded", "cycle_error_noisy", "ratio_noisy"}
    )


def own_pictures(folder):
    """Pictures of two kinds, sizes and depths in a folder that has another."""
    from PIL import Image

    (folder / "more").mkdir(parents=True)
    Image.effect_noise((16, 16), 80).save(folder / "a.png")
    Image.effect_noise((24, 20), 80).convert("RGB").save(folder / "more" / "b.jpg")
    Image.effect_noise((18, 23), 80).save(folder / "c.bmp")  # no multiples of 4
    Image.effect_noise((16, 16), 80).save(folder / "d.gif")
    return folder


def listed(folder):
    return sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, fs in os.walk(folder) for f in fs)


def test_pictures_of_ones_own_are_translated_one_a_file(tmp_path, monkeypatch):
    """Names and sizes kept, without any data, both ways; what is written is what the translator gives."""
    import numpy as np
    from PIL import Image

    from engine.pictures import to_uint8
    from eval.api import load

    assert train(tmp_path, *WORDS, "--max_steps=1") == 0
    own = own_pictures(tmp_path / "own")
    monkeypatch.setattr("engine.setup.Data.splits", property(lambda self: pytest.fail("reads the data")))
    out = tmp_path / "out"
    assert mode(tmp_path, "--mode=translate", f"--images={own}", f"--out={out}", "--direction=ab") == 0
    assert listed(out) == ["a.png", "c.bmp", "d.png", "more/b.jpg"]
    for name in listed(out):
        source = own / (name if name != "d.png" else "d.gif")
        with Image.open(out / name) as made, Image.open(source) as given:
            assert made.size == given.size and made.mode == "RGB"
    trainer = load(tmp_path / "deleteme" / "s0").trainer
    x = torch.from_numpy(np.array(Image.open(own / "a.png")))[None, None].float() / 127.5 - 1
    with torch.no_grad():
        wanted = to_uint8(trainer.to_b(x))[0].permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(Image.open(out / "a.png")), wanted)
    with pytest.raises(UserError, match="--out: .*out exists; use another folder"):
        mode(tmp_path, "--mode=translate", f"--images={own}", f"--out={out}")
    assert mode(tmp_path, "--mode=translate", f"--images={own}", "--direction=ba") == 0
    back = tmp_path / "deleteme" / "s0" / "translate" / "step00000001_ba_images"
    assert listed(back) == listed(out) and Image.open(back / "a.png").mode == "L"


def test_sizes_that_the_network_does_not_take_are_named():
    import types

    args = types.SimpleNamespace(network="mine.py", data_shape=[1, 16, 24])
    x = torch.zeros(1, 1, 10, 12)
    said = "--images: a.png has 12x10 pixels, which mine.py does not take .*; use pictures of 24x16"
    with pytest.raises(UserError, match=said):
        translation.translated(lambda x: x.reshape(1, 1, 16, 24), x, "a.png", args)
    with pytest.raises(UserError, match=said):
        translation.translated(lambda x: x[:, :, ::2, ::2], x, "a.png", args)


def test_names_that_would_meet_are_refused(tmp_path):
    from PIL import Image

    assert train(tmp_path, *WORDS, "--max_steps=1") == 0
    (tmp_path / "own").mkdir()
    for name in ("a.png", "a.gif"):
        Image.effect_noise((16, 16), 80).save(tmp_path / "own" / name)
    with pytest.raises(UserError, match="would both become a.png; rename one"):
        mode(tmp_path, "--mode=translate", f"--images={tmp_path / 'own'}")
    with pytest.raises(UserError, match="--direction: given without pictures"):
        mode(tmp_path, "--mode=translate", "--direction=ba")
