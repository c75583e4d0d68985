"""Noise of one's own choice, codes of pictures, directions, films."""

import os
import shutil
import types

import numpy as np
import pytest
import torch
from PIL import Image

import task_launcher
from engine import pictures
from engine.errors import MissingError, UserError
from eval.api import load
from eval.modes import latents
from tests.running import mode, train


def images(path):
    return np.load(path)["images"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    assert train(folder, "--max_steps=3") == 0
    return folder


def sample(run, name, *words):
    path = run / name
    path.unlink(missing_ok=True)
    assert mode(run, "--mode=sample", f"--out={path}", *words) == 0
    return images(path)


def test_sample_seed_draws_other_noise(run):
    own, same = sample(run, "a.npz", "--samples=6"), sample(run, "b.npz", "--samples=6", "--sample_seed=0")
    other = sample(run, "c.npz", "--samples=6", "--sample_seed=1")
    assert np.array_equal(own, same) and not (own == other).all((1, 2, 3)).any()
    assert np.array_equal(other, sample(run, "d.npz", "--samples=6", "--sample_seed=1"))


@pytest.mark.parametrize("ending", ["npy", "npz", "csv"])
def test_z_from_a_file(run, ending):
    z = torch.randn(5, 5, generator=torch.Generator().manual_seed(1))
    path = run / f"z.{ending}"
    {
        "npy": np.save,
        "npz": lambda p, z: np.savez(p, z=z),
        "csv": lambda p, z: np.savetxt(p, z, delimiter=","),
    }[ending](path, z.numpy())
    given = sample(run, "z_out.npz", f"--z={path}")
    with torch.no_grad():
        wanted = load(run / "deleteme" / "s0").trainer.generate(z)
    assert given.shape == (5, 8, 8, 1)
    assert np.array_equal(given, pictures.to_uint8(wanted).permute(0, 2, 3, 1).numpy())


def test_z_that_does_not_fit_is_refused(run):
    out = f"--out={run}/no.npz"
    np.save(run / "wrong.npy", np.zeros((3, 4)))
    with pytest.raises(UserError, match=r"--z: .*wrong.npy holds \[3, 4\]; must be finite numbers \[n, 5\]"):
        mode(run, "--mode=sample", f"--z={run}/wrong.npy", out)
    np.savez(run / "named.npz", codes=np.zeros((3, 5)))
    with pytest.raises(
        UserError, match="--z: .*named.npz holds no array of numbers that can be read; .*with an array z"
    ):
        mode(run, "--mode=sample", f"--z={run}/named.npz", out)
    with pytest.raises(MissingError, match="--z: no file"):
        mode(run, "--mode=sample", f"--z={run}/nothing.npy", out)
    with pytest.raises(UserError, match="--truncation: given with --z"):
        mode(run, "--mode=sample", f"--z={run}/wrong.npy", "--truncation=0.5", out)


def test_truncated_noise_is_normal_within_its_bounds():
    from trainers.base import Trainer

    args = types.SimpleNamespace(z_dim=200, z_dist="normal", amp="off", network="")
    trainer = Trainer({}, args)
    torch.manual_seed(0)
    plain = trainer.noise(500)
    torch.manual_seed(0)
    assert torch.equal(plain, torch.randn(500, 200))  # as ever where nothing is truncated
    trainer.truncation = 0.7
    z = trainer.noise(500)
    assert z.abs().max() <= 0.7
    inside = plain[plain.abs() <= 0.7]  # what is drawn again until inside is distributed like that
    assert z.std().item() == pytest.approx(inside.std().item(), rel=0.02)
    assert z.quantile(0.25).item() == pytest.approx(inside.quantile(0.25).item(), abs=0.01)


def test_truncation_reaches_the_samples(run):
    """With bounds next to 0 all noise is the same point, so all images are those of z = 0."""
    made = sample(run, "t.npz", "--samples=4", "--truncation=0.0001").astype(int)
    np.save(run / "zero.npy", np.zeros((4, 5)))
    wanted = sample(run, "zero.npz", f"--z={run}/zero.npy").astype(int)
    assert np.abs(made - wanted).max() <= 1
    plain = sample(run, "p.npz", "--samples=4").astype(int)
    assert np.abs(plain - wanted).max() > 1


def test_truncation_is_for_normal_noise(tmp_path):
    assert train(tmp_path, "--max_steps=1", "--z_dist=uniform") == 0
    with pytest.raises(UserError, match=r"--truncation: is for z ~ N\(0, I\), .*uniform; leave it out"):
        mode(tmp_path, "--mode=sample", "--truncation=0.5")


def test_films_of_a_walk(run):
    assert mode(run, "--mode=interpolate", "--samples=2", "--frames=4") == 0
    stem = run / "deleteme" / "s0" / "interpolate_00000003"
    for ending in (".gif", ".webp"):
        film = Image.open(str(stem) + ending)
        assert film.n_frames == 6 and film.size == Image.open(str(stem) + ".gif").size  # there and back
    film.seek(0)
    first = np.asarray(film.convert("L")).astype(int)
    strip = np.asarray(Image.open(str(stem) + ".png").convert("L")).astype(int)
    side = 50  # a frame holds the walks of this moment: its first tile is the strip's first
    assert np.abs(first[:side, :side] - strip[:side, :side]).max() <= 1  # lossless


def test_an_mp4_where_there_is_ffmpeg(tmp_path):
    if pictures.ffmpeg() is None:
        pytest.skip("neither ffmpeg nor imageio-ffmpeg is installed")
    frames = [Image.new("RGB", (51, 35), (k * 40, 0, 0)) for k in range(6)]
    assert pictures.mp4(str(tmp_path / "x.mp4"), frames) is None
    data = (tmp_path / "x.mp4").read_bytes()
    assert data[4:8] == b"ftyp" and b"moov" in data and b"avc1" in data


def test_without_ffmpeg_the_reason_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "ffmpeg", lambda: None)
    said = pictures.film(str(tmp_path / "x"), [Image.new("L", (8, 8), k) for k in range(3)])
    assert "no .mp4: no ffmpeg" in said and sorted(os.listdir(tmp_path)) == ["x.gif", "x.webp"]
    monkeypatch.setattr(pictures, "ffmpeg", lambda: "false")
    assert pictures.mp4(str(tmp_path / "x.mp4"), [Image.new("L", (8, 8))]).startswith("ffmpeg failed")


def test_imageio_ffmpeg_serves_where_path_has_none(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    package = types.SimpleNamespace(get_ffmpeg_exe=lambda: "/its/ffmpeg")
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", package)
    assert pictures.ffmpeg() == "/its/ffmpeg"


def folder_of_pictures(folder, made):
    folder.mkdir()
    for i, image in enumerate(pictures.to_uint8(made)):
        Image.fromarray(image[0].numpy()).save(folder / f"{i}.png")


def test_inversion_by_optimisation_finds_generated_images(run, tmp_path):
    with torch.no_grad():
        made = load(run / "deleteme" / "s0").generate(3, seed=7)
    folder_of_pictures(tmp_path / "own", made)
    assert mode(run, "--mode=invert", f"--images={tmp_path}/own", "--invert_steps=200") == 0
    stem = str(run / "deleteme" / "s0" / "invert_00000003")
    found = np.load(stem + ".npz")
    assert found["z"].shape == (3, 5) and found["names"].tolist() == ["0.png", "1.png", "2.png"]
    spread = (made - made.roll(1, 0)).square().flatten(1).mean(1).min().item()
    assert found["errors"].max() < spread / 50  # far nearer than images are to one another
    # its codes are noise that --mode=sample takes
    again = sample(run, "inverted.npz", f"--z={stem}.npz").astype(int)
    wanted = pictures.to_uint8(made).permute(0, 2, 3, 1).numpy().astype(int)
    assert np.abs(again - wanted).mean() < np.abs(np.roll(wanted, 1, 0) - wanted).mean() / 5
    with Image.open(stem + ".png") as picture:  # one row of three pairs
        assert picture.size == (6 * 50 + 2, 52)


def test_inversion_by_the_encoder(tmp_path):
    words = "--trainer=trainers/bigan.py", "--network=networks/bigan_mnist.py"
    assert train(tmp_path, *words, "--max_steps=1") == 0
    trained = load(tmp_path / "deleteme" / "s0")
    folder_of_pictures(tmp_path / "own", trained.generate(2, seed=7))
    Image.new("RGB", (40, 20), (200, 10, 10)).save(tmp_path / "own" / "wide.jpg")  # cut and made grey
    assert mode(tmp_path, "--mode=invert", f"--images={tmp_path}/own") == 0
    found = np.load(tmp_path / "deleteme" / "s0" / "invert_00000001.npz")
    with torch.no_grad():
        x = pictures.to_uint8(trained.generate(2, seed=7)).float() / 127.5 - 1
        wanted = trained.trainer.encode(x)
    assert np.allclose(found["z"][:2], wanted, atol=1e-5) and len(found["z"]) == 3


def test_inversion_says_what_it_needs(run, tmp_path):
    with pytest.raises(UserError, match="--images: not given"):
        mode(run, "--mode=invert")
    with pytest.raises(MissingError, match="--images: .*nowhere: no such folder"):
        mode(run, "--mode=invert", f"--images={tmp_path}/nowhere")
    os.makedirs(tmp_path / "empty")
    with pytest.raises(MissingError, match="--images: .*empty: no images in it"):
        mode(run, "--mode=invert", f"--images={tmp_path}/empty")


def test_directions_are_eigenvectors_of_the_first_layer():
    weight = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    found, values = latents.sefa(weight)
    gram = weight.double().t() @ weight.double()
    assert torch.allclose(gram @ found.double().t(), found.double().t() * values.double(), atol=1e-4)
    assert (values[:-1] >= values[1:]).all() and torch.allclose(found @ found.t(), torch.eye(6), atol=1e-5)
    # a layer that doubles one coordinate: that coordinate comes first
    first = latents.sefa(torch.diag(torch.tensor([1.0, 3.0, 2.0])))[0]
    assert torch.allclose(first, torch.eye(3)[[1, 2, 0]], atol=1e-6)


@pytest.mark.parametrize("layer", ["linear", "transposed", "normalised", "hidden"])
def test_the_layer_that_takes_z(layer):
    nn = torch.nn
    nets = {
        "linear": nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4)),
        "transposed": nn.Sequential(nn.Unflatten(1, (4, 1, 1)), nn.ConvTranspose2d(4, 3, 2)),
        "normalised": nn.utils.parametrizations.spectral_norm(nn.Linear(4, 6)).eval(),
        "hidden": nn.Sequential(nn.BatchNorm1d(4).eval(), nn.Linear(4, 6)),
    }
    net = nets[layer]
    if layer == "hidden":
        net[0].running_mean.fill_(1.0)
    trainer = types.SimpleNamespace(
        sampling_net=lambda role: net, generate=net, args=types.SimpleNamespace(network="mine.py")
    )
    z = torch.randn(2, 4)
    if layer == "hidden":
        with pytest.raises(UserError, match="no Linear or Conv layer of gen in mine.py takes z"):
            latents.first_weight(trainer, z)
        return
    a = latents.first_weight(trainer, z)
    first = net if layer == "normalised" else net[1 if layer == "transposed" else 0]
    with torch.no_grad():
        given = first(z.reshape(2, 4, 1, 1) if layer == "transposed" else z)
        zero = first(torch.zeros(2, 4, 1, 1) if layer == "transposed" else torch.zeros(2, 4))
    # the rows of A are the layer's outputs, in some order: |A z| is what it adds to its bias
    assert torch.allclose((z @ a.t()).norm(dim=1), (given - zero).flatten(1).norm(dim=1), atol=1e-5)


def test_directions_as_a_picture(run):
    assert mode(run, "--mode=directions", "--directions=3", "--reach=2") == 0
    stem = str(run / "deleteme" / "s0" / "directions_00000003")
    with Image.open(stem + ".png") as picture:
        assert picture.size == (14 * 50 + 2, 3 * 50 + 2)
    found = np.load(stem + ".npz")
    assert found["z"].shape == (3, 5) and found["eigenvalues"].shape == (3,)
    with pytest.raises(UserError, match="--directions: given 6; must be at most 5"):
        mode(run, "--mode=directions", "--directions=6")


def test_flags_of_noise_are_for_modes_that_draw_it():
    with pytest.raises(UserError, match="--sample_seed: --mode=train does not read it"):
        task_launcher.main(["--sample_seed=1"])
