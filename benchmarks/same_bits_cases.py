"""The cases of benchmarks/same_bits.py, from exps/ and from tables, and the data that they train on.

A case is a line of the launcher's flags; `{data}` in it stands for the folder that `write_data` fills.
"""

import collections
import concurrent.futures
import glob
import itertools
import os
import random
import subprocess

from PIL import Image

from benchmarks.common import words_of
from engine.errors import UserError

STEPS = 3

# there, here: the line that each checkout trains; kind: of KINDS; alike: how many more scripts it stands for
Case = collections.namedtuple("Case", "name there here kind alike", defaults=("one", 0))
# what the names of a kind's cases end in. resumed: begun by the other checkout, carried on by this one
KINDS = {"one": "", "two": ", two processes", "resumed": ", resumed"}

# --- data

# 21 examples in batches of 8: the third batch of an epoch has 5, so two processes have unequal shares of it
MADE = '''
"""Made images: get_iterators(batch_size, seed, size=..., channels=..., attributes=...)."""
import torch
from iterators.common import DataIterator


def get_iterators(batch_size, seed=0, n=21, size=8, channels=1, attributes=0):
    """Random uint8 images with labels 0 .. 9 in three splits, the same for every seed."""
    draw, made = torch.Generator().manual_seed(0), {}
    for split, many in (("train", n), ("valid", 12), ("test", 13)):
        images = torch.randint(0, 256, (many, channels, size, size), generator=draw, dtype=torch.uint8)
        arrays = {"x": images, "y": torch.arange(many) % 10}
        if attributes:
            arrays["attributes"] = torch.randint(0, 2, (many, attributes), generator=draw)
        made[split] = DataIterator(arrays, min(batch_size, many), seed, shuffle=split == "train")
    return made
'''
# a discriminator without stages, as the README shows one: it offers no hidden layer
PLAIN = """
from torch import nn


def get_network(data_shape, z_dim, width=8):
    pixels = data_shape[0] * data_shape[1] * data_shape[2]
    gen = nn.Sequential(
        nn.Linear(z_dim, width), nn.ReLU(), nn.Linear(width, pixels), nn.Tanh(), nn.Unflatten(1, data_shape)
    )
    disc = nn.Sequential(
        nn.Flatten(), nn.Linear(pixels, width), nn.LeakyReLU(0.2), nn.Linear(width, 1), nn.Flatten(0)
    )
    return gen, disc
"""


def write_data(folder):
    """Makes `folder` with made.py, an iterator file; plain.py, a network file; images/trainA and so on."""
    os.makedirs(folder)
    for name, text in (("made.py", MADE), ("plain.py", PLAIN)):
        with open(os.path.join(folder, name), "w", encoding="utf8") as file:
            file.write(text.lstrip())
    draw = random.Random(0)
    for name, mode, many in (
        ("trainA", "L", 13),
        ("trainB", "RGB", 18),
        ("testA", "L", 4),
        ("testB", "RGB", 5),
    ):
        os.makedirs(os.path.join(folder, "images", name))
        for i in range(many):
            picture = Image.frombytes(mode, (24, 24), draw.randbytes(24 * 24 * len(mode)))
            picture.save(os.path.join(folder, "images", name, f"{i}.png"))


# --- scripts

# side and channels of the images that an iterator file gives by default
SHAPES = {
    "lines": (32, 1),
    "mnist": (28, 1),
    "kmnist": (28, 1),
    "fashion_mnist": (28, 1),
    "stacked_mnist": (28, 3),
    "cifar10": (32, 3),
    "cifar100": (32, 3),
    "svhn": (32, 3),
    "imagenet32": (32, 3),
    "dsprites": (64, 1),
    "stl10": (96, 3),
    "celeba": (64, 3),
    "lsun": (64, 3),
    "images": (64, 3),
}
UNPAIRED = "--iterator=iterators/unpaired_images.py --iterator_args root={data}/images cache={data}"


def made_data(iterator, words):
    """Flags that put made data of the same shape in the place of a script's.

    iterator: the script's --iterator; words: its --iterator_args, a dict. Points, which are made anyway, and
    scikit-learn's digits stay. Raises KeyError for an iterator file that SHAPES lacks.
    """
    name = os.path.basename(iterator).removesuffix(".py")
    given = " ".join(f"{key}={value}" for key, value in words.items())
    if name in ("points1d", "points2d"):
        return f"--iterator={iterator} --iterator_args {given} n=37 n_test=30 --batch_size=16"
    if name == "digits":
        return f"--iterator={iterator} --iterator_args {given}"
    if name == "colour_mnist":
        return f"--iterator={iterator} --iterator_args source=digits"
    if name == "unpaired_images":
        return f"{UNPAIRED} size=64 load_size=70 channels=3"
    if name == "semi":
        side, channels = SHAPES[os.path.basename(words["base"]).removesuffix(".py")]
        return (
            f"--iterator={iterator} --iterator_args base={{data}}/made.py labels_per_class=2 "
            f"label_seed={words.get('label_seed', 0)} size={side} channels={channels}"
        )
    side, channels = SHAPES[name]
    attributes = 40 if name == "celeba" else 0
    return (
        f"--iterator={{data}}/made.py --iterator_args size={words.get('size', side)} channels={channels} "
        f"attributes={attributes}"
    )


# Flags of a script that are compared as words, since its case trains with other values, and their defaults.
AS_WORDS = {
    "name": "deleteme",
    "resume": "none",
    "epochs": "100",
    "max_steps": "0",
    "batch_size": "64",
    "log_every": "50",
    "save_every": "10",
    "save_every_steps": "0",
    "save_images_every": "1",
    "samples": "64",
    "keep_last": "0",
    "keep_every": "0",
    "threads": "0",
    "iterator": "iterators/mnist.py",
    "iterator_args": {},
}


def settings(words):
    """{flag: values} of a command line: the last value counts, key=value words add up."""
    found, values = {}, []
    for word in words:
        if word.startswith("--"):
            flag, sign, value = word[2:].partition("=")
            values = [value] if sign else []
            found.setdefault(flag, []).append(values)
        else:
            values.append(word)
    merged = {}
    for flag, given in found.items():
        pairs = [word.split("=", 1) for values in given for word in values]
        named = all(len(pair) == 2 for pair in pairs) and (pairs or flag.endswith("_args"))
        merged[flag] = dict(pairs) if named else " ".join(given[-1])
    return merged


def plain(value, root):
    """A value of `settings` without where the checkout and the data lie."""
    if isinstance(value, dict):
        return {k: plain(v, root) for k, v in value.items() if k not in ("root", "cache")}
    return value.replace(root + os.sep, "")


def scripts(root, wanted):
    """{path: settings} of the scripts of exps/ that start the launcher; wanted: a function of their path."""
    found = glob.glob(os.path.join(root, "exps", "**", "*.sh"), recursive=True)
    paths = sorted(path for path in (os.path.relpath(path, root) for path in found) if wanted(path))

    def ask(path):
        try:
            return words_of(path, root=root)
        except subprocess.CalledProcessError:  # one that others source, or that wants arguments
            return []

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        words = dict(zip(paths, pool.map(ask, paths)))
    return {
        path: {flag: plain(value, root) for flag, value in settings(given).items()}
        for path, given in words.items()
        if given
    }


def script_cases(there, here):
    """Cases of all distinct settings; there, here: `scripts` of either checkout."""
    distinct = {}
    for path in sorted(there.keys() & here.keys()):
        distinct.setdefault((line_of(there[path]), line_of(here[path])), []).append(path)
    return [Case(paths[0], *lines, alike=len(paths) - 1) for lines, paths in distinct.items()]


def overridden(side):
    """The part of a script's settings that its case does not train with."""
    width = {"network_args width": side.get("network_args", {}).get("width")}
    return {flag: side.get(flag, default) for flag, default in AS_WORDS.items()} | width


def line_of(side):
    """The flags that a script's settings are trained with: narrow, and on made data."""
    iterator = side.get("iterator", AS_WORDS["iterator"])
    try:
        data = made_data(iterator, side.get("iterator_args", {}))
    except KeyError:
        where = "benchmarks/same_bits_cases.py"
        raise UserError(
            f"{iterator}: the shape of its data is not known; add it to SHAPES in {where}"
        ) from None
    # the order of flags has no meaning, that of penalties has
    words = [word_of(flag, side[flag]) for flag in sorted(side) if flag not in AS_WORDS]
    return f"--batch_size=8 {' '.join(words)} --network_args width=8 {data}"


def word_of(flag, value):
    """A flag of `settings` as words."""
    if isinstance(value, dict):
        return " ".join([f"--{flag}", *(f"{k}={v}" for k, v in value.items())])
    return f"--{flag}={value}" if value and " " not in value else f"--{flag} {value}".strip()


# --- tables


def crossed(*axes):
    """Every choice of one entry of each axis, joined to a line; an entry is a string of flags, or empty."""
    return [" ".join(word for word in choice if word) for choice in itertools.product(*axes)]


def mixups(*names):
    """--mixup=NAME for each of the names."""
    return [f"--mixup={name}" for name in names]


LOSSES = [f"--loss={name}" for name in ("jsgan", "minimax", "wgan", "hinge", "lsgan")]
MIXUPS = mixups("none", "pixel", "hidden", "vh2", "1,3")
DNORMS = ["--dnorm=0.5", "--dnorm=0.5 --dnorm_step=separate"]
G_LOSSES = ["--g_loss=feature_matching", "--g_loss=mixed"]
DCGAN = "--z_dim=5 --iterator_args size=16 --network=networks/dcgan.py --network_args width=4"
MS = "--network_args classes=5 --self_supervised=ms --lambda_g=0.5"

# group: (flags that its cases share, the cases' own flags)
GROUPS = {
    "gan": (
        "--network=networks/small.py --network_args width=8 --z_dim=5",
        [
            *crossed(LOSSES, MIXUPS),
            *crossed(LOSSES, mixups("pixel", "hidden", "1,3"), ["--mixup_ff"]),
            *crossed(LOSSES, mixups("pixel", "hidden", "vh2"), ["--mixup_label=soft"]),
            *crossed(
                mixups("pixel", "hidden"),
                [
                    "--mixup_fold=off",
                    "--mixup_fold=on --mixup_label=soft",
                    "--mixup_label=soft --mixup_ff",
                    "--alpha=1 --mixup_ff --mixup_fold=off",
                ],
            ),
            *crossed(
                ["", "--loss=wgan"],
                [
                    f"--penalty {words}"
                    for words in (
                        "gp=10",
                        "r1=1",
                        "r2=1",
                        "dragan=1",
                        "r1=1 r2=0.5",
                        "gp=1 r1=1",
                        "gp=1 r1=1 r2=1 dragan=1",
                    )
                ],
            ),
            *crossed(LOSSES, DNORMS),
            *crossed(
                LOSSES,
                mixups("pixel", "hidden", "vh2"),
                ["--penalty r1=1", "--penalty r1=1 r2=0.5", "--penalty gp=1 dragan=1", *DNORMS],
            ),
            *crossed(
                mixups("pixel", "hidden"),
                ["--mixup_ff", "--mixup_label=soft"],
                ["--penalty r1=1", "--penalty r2=1", "--penalty gp=1 r1=1", *DNORMS],
            ),
            *crossed(DNORMS, ["--penalty r1=1", "--penalty r1=1 r2=1", "--penalty gp=1 dragan=1"]),
            *crossed(G_LOSSES, [f"--fm_form={form}" for form in ("squared", "mean_squared", "absolute")]),
            *crossed(
                G_LOSSES,
                [
                    "--fm_layer=0",
                    "--fm_layer=1 --fm_weight=0.5 --g_steps=2",
                    "--mixup=hidden --penalty r1=1",
                    "--mixup=hidden --mixup_label=soft",
                    "--loss=hinge --mixup=pixel --dnorm=0.5",
                ],
            ),
            "--g_loss=mixed --adv_weight=0.5 --fm_weight=2",
            *crossed(["--real_label=0.9", "--real_label=0.9 --fake_label=0.1", "--g_label=0.5"], MIXUPS[:3]),
            "--real_label=0.9 --mixup=hidden --mixup_label=soft",
            *crossed(LOSSES[-2:], ["--real_label=0.9 --fake_label=0.1"]),
            *crossed(
                ["--historical_averaging=1"],
                ["", "--mixup=hidden --mixup_ff", "--g_loss=mixed --g_steps=2", "--penalty r1=1", *DNORMS],
            ),
            *crossed(
                ["--ema=0.9"],
                ["", "--update_g_every=2", "--mixup=hidden", "--g_steps=2 --historical_averaging=1"],
            ),
            *crossed(["--update_g_every=2", "--update_g_every=3 --g_steps=3"], ["", "--mixup=vh2", *DNORMS]),
            *crossed(
                [f"--lr_schedule={name}" for name in ("linear", "half", "half_exp", "exp")],
                ["--disc_lr=1e-3 --z_dist=uniform"],
            ),
            "--beta1=0 --beta2=0.9 --lr=1e-3 --seed=3",
            *crossed(
                ["--network_args spec_norm=False", "--network_args fold=False"],
                MIXUPS[1:3],
                ["", "--penalty r1=1"],
            ),
            "--iterator=iterators/digits.py --iterator_args flip=True valid=10 --mixup=hidden",
            "--iterator=iterators/digits.py --iterator_args subset=20 --dnorm=1",
        ],
    ),
    "plain discriminator": (
        "--network={data}/plain.py --z_dim=5",
        ["", "--mixup=pixel", "--penalty gp=10", "--dnorm=1 --penalty r1=1", "--g_loss=mixed --fm_layer=0"],
    ),
    "joint discriminator": (
        f"{DCGAN} minibatch_disc=4x3 minibatch_form=imagenet",
        [
            *crossed(
                ["--network_args disc_norm=None", "--network_args disc_norm=batch"],
                mixups("none", "pixel", "hidden", "2"),
            ),
            *crossed(mixups("pixel", "hidden"), ["--mixup_ff", "--mixup_label=soft"]),
            *crossed(LOSSES[1:], mixups("none", "hidden")),
            *crossed(
                G_LOSSES, ["", "--mixup=hidden", "--fm_layer=1", "--g_steps=3 --historical_averaging=1"]
            ),
            "--network_args minibatch_self=False --real_label=0.9",
            "--network_args norm=vbn references=4 --ema=0.9 --mixup=pixel --g_loss=mixed",
        ],
    ),
    "minibatch discrimination": (
        f"{DCGAN} minibatch_disc=4x3",
        crossed(
            ["--network_args minibatch_form=paper", "--network_args minibatch_form=cifar"],
            ["", "--mixup=hidden --mixup_ff", "--penalty r1=1", "--dnorm=1 --mixup=pixel", *G_LOSSES],
        ),
    ),
    "batch norm": (
        DCGAN,
        [
            *MIXUPS[:4],
            *crossed(mixups("pixel", "hidden"), ["--mixup_ff", "--mixup_label=soft"]),
            *crossed(["", "--mixup=hidden"], ["--penalty r1=1", "--penalty gp=1", *DNORMS]),
            *G_LOSSES,
            *crossed(
                ["--network_args disc_norm=instance", "--network_args disc_norm=layer"],
                ["", "--mixup=1 --dnorm=1"],
            ),
            "--network=networks/mnist.py --mixup=hidden --ema=0.9",
        ],
    ),
    "virtual batch norm": (
        f"{DCGAN} norm=vbn references=4",
        [
            "",
            "--ema=0.9 --z_dist=uniform",
            "--mixup=hidden --mixup_ff",
            "--g_loss=mixed --historical_averaging=1",
        ],
    ),
    # those that no script names, and a form of the others that none has
    "networks": (
        "--z_dim=5 --iterator_args size=32 channels=3 --network_args width=8",
        [
            *(
                f"--network=networks/{name}.py"
                for name in (
                    "model_resnet",
                    "model_resnet_bnd",
                    "model_resnet_nosigm",
                    "model_resnet_old_specnorm",
                    "model_resnet_ppresnet",
                    "model_resnet_specnorm_preproc",
                    "models_64x64",
                )
            ),
            "--network=networks/model_resnet_specnorm.py --network_args fold=False --mixup=hidden",
            "--network=networks/wgan_gp.py --network_args fold=False --loss=wgan --penalty gp=10",
        ],
    ),
    "autoencoder": (
        "--network=networks/autoencoder32.py --network_args width=4 code=4 scales=2",
        [
            *crossed(
                ["--trainer=trainers/autoencoder.py"],
                ["", "--recon_loss=l2 --bpc --update_g_every=2", "--cls_probe=none"],
            ),
            *crossed(
                ["--trainer=trainers/amr.py"],
                [
                    "",
                    "--disable_mix",
                    "--disable_g_recon",
                    "--model=threegan --mixer=fm --gan_loss=mse",
                    "--k=4 --mixer=fm2 --bpc --beta=0 --update_g_every=1",
                    "--mixer=mixup2 --weight_decay=1e-3 --ema=0.9",
                ],
            ),
            *crossed(
                ["--trainer=trainers/acai.py"],
                ["", "--gan_loss=mse --disable_g_recon", "--acai=paper", "--bpc"],
            ),
        ],
    ),
    "class_mixing": (
        (
            "--trainer=trainers/class_mixing.py --iterator_args attributes=3 "
            "--network=networks/autoencoder32.py --network_args width=4 code=4 scales=2 attributes=3"
        ),
        [
            "--eps=1e-3",
            "--cls_loss=mse --disable_mix --beta=0 --update_g_every=2",
            "--mixer=fm2 --ema=0.9",
        ],
    ),
    "beta_vae": (
        (
            "--trainer=trainers/beta_vae.py --network=networks/dsprites.py --iterator_args size=16 "
            "--network_args width=4 ndf=4 hidden=8 vae=True"
        ),
        ["", "--bpc --update_g_every=2 --beta=4"],
    ),
    "bigan": (
        "--trainer=trainers/bigan.py --network=networks/bigan_mnist.py --network_args width=16 --z_dim=5",
        crossed(
            ["--network_args variant=official", "--network_args variant=seed", "--network_args squash=True"],
            ["", "--loss=minimax --weight_decay=0", "--z_dist=uniform --ema=0.9 --lr_schedule=half_exp"],
        ),
    ),
    "cyclegan": (
        (
            f"--trainer=trainers/cyclegan.py {UNPAIRED} size=16 load_size=18 "
            "--network=networks/cyclegan_mnist.py --network_args width=4 disc_width=4 blocks=1"
        ),
        [
            *crossed(LOSSES, ["", "--penalty gp=1 r1=0.1"]),
            "--penalty r2=1 dragan=1 --network_args mean=True",
            "--iterator_args channels=3 --identity=0.5",
            *crossed(["--pool_size=0", "--pool_size=3"], ["--d_weight=1 --lambda_a=5"]),
            "--ema=0.9 --lr_schedule=half --network_args disc_norm=batch",
        ],
    ),
    "dist_gan": (
        (
            "--trainer=trainers/dist_gan.py --z_dim=6 --z_dist=uniform --iterator_args size=16 "
            "--network=networks/dist_gan_dcgan.py --network_args width=4"
        ),
        [
            "",
            *crossed(["--loss=log"], [f"--weights={name}" for name in ("moving", "fixed", "half")]),
            *crossed(
                [
                    "--network_args classes=4 --self_supervised=ss --lambda_g=0.5",
                    MS,
                ],
                ["--g_task=help", "--g_task=match"],
                [f"--rotations={pool}" for pool in ("random", "stratified", "full")],
            ),
            *crossed(
                ["--ae_updates=enc", "--ae_updates=enc+gen"], ["--ae_optimisers=one", "--ae_optimisers=two"]
            ),
            "--penalty_norm=l2 --scale=given",
            "--reg_features=real --phi=data --lambda_r=3",
            "--d_steps=2 --iterator_args n=40 --batch_size=16 --ema=0.9 --disc_lr=1e-3",
            "--lambda_p=0 --lr_schedule=half --schedule_steps=4",
            *crossed(
                [
                    f"--official_quirks {name}"
                    for name in ("sigmoid_hinge", "negative_penalty", "recon_fake", "batch_statistics")
                ],
            ),
            "--official_quirks sigmoid_hinge negative_penalty batch_statistics --loss=hinge",
            f"--official_quirks one_hot_bce {MS}",
            "--network=networks/dist_gan_sncnn.py --network_args spec_norm=True",
        ],
    ),
    "ssgan": (
        (
            "--trainer=trainers/ssgan.py --z_dim=6 --update_g_every=2 --iterator_args size=16 "
            "--network=networks/ssgan.py --network_args width=4"
        ),
        [
            *crossed(LOSSES, ["--lambda_g=0.5"]),
            *crossed(
                [
                    "--self_supervised=none --network_args classes=0",
                    "--self_supervised=ms --network_args classes=5",
                ],
                ["", "--ema=0.9"],
            ),
            *crossed(["--g_task=match --lambda_g=0.5"], ["--rotations=full", "--rotations=stratified"]),
        ],
    ),
    "toys": (
        (
            "--trainer=trainers/ae_gans.py --network=networks/dist_gan_mlp.py --network_args width=4 "
            "layers=2 --z_dim=2 --iterator=iterators/points2d.py --iterator_args n=37 n_test=30 "
            "--batch_size=16"
        ),
        [
            "--model=rgan",
            "--model=rgan --official_sign",
            "--model=mdgan --network_args discs=2",
            "--model=vaegan --network_args variational=True",
        ],
    ),
    "semi": (
        (
            "--trainer=trainers/semi_supervised.py --z_dim=5 --disc_ema=0.9 "
            "--network=networks/semi_mnist.py --network_args width=16 "
            "--iterator=iterators/semi.py --iterator_args base={data}/made.py labels_per_class=2"
        ),
        [
            "",
            "--supervised",
            "--mixup=pixel --mixup_ff",
            "--mixup=hidden --mixup_label=soft",
            "--mixup=0,3 --g_loss=mixed --real_label=0.9",
            "--historical_averaging=1 --penalty r1=0.1 --dnorm=0.1",
            "--mixup=hidden --penalty r1=0.1 r2=0.1",
            "--dnorm=0.1 --dnorm_step=separate",
            "--unsup_weight=0.3 --g_steps=2 --g_loss=adversarial",
            "--lr_schedule=linear --lr_hold=0.5 --iterator_args fresh=False",
        ],
    ),
}

# cases of these groups in bfloat16
BF16 = {
    "gan": [
        *MIXUPS,
        *crossed(mixups("pixel", "hidden"), ["--mixup_ff", "--mixup_label=soft", "--penalty r1=1", *DNORMS]),
        "--penalty gp=1 r1=1 r2=1 dragan=1",
        "--g_loss=mixed --historical_averaging=1 --ema=0.9",
        "--loss=hinge --mixup=vh2",
    ],
    "joint discriminator": ["", "--mixup=hidden --g_loss=mixed"],
    "batch norm": ["--mixup=hidden"],
    "virtual batch norm": ["--ema=0.9"],
    "autoencoder": ["--trainer=trainers/amr.py"],
    "bigan": [""],
    "cyclegan": ["--penalty gp=1"],
    "dist_gan": [MS],
    "ssgan": ["--lambda_g=0.5"],
    "semi": ["--mixup=hidden"],
}
# by two processes
TWO = {
    "gan": [
        "",
        "--mixup=vh2 --mixup_ff --ema=0.9",
        "--mixup=hidden --penalty gp=1 r1=1 r2=1",
        "--loss=hinge --mixup=pixel --dnorm=0.5 --dnorm_step=separate",
        "--g_loss=mixed --historical_averaging=1",
    ],
    "joint discriminator": ["--mixup=hidden --g_loss=mixed"],
    "virtual batch norm": ["--ema=0.9"],
    "autoencoder": ["--trainer=trainers/amr.py", "--trainer=trainers/autoencoder.py"],
    "bigan": ["--ema=0.9"],
    "cyclegan": ["--pool_size=5"],
    "dist_gan": [f"{MS} --ae_updates=enc+gen", "--phi=data --reg_features=real"],
    "ssgan": ["--g_task=match --lambda_g=0.5"],
    "semi": ["--mixup=hidden"],
}
# begun by the other checkout, carried on by this one
RESUMED = {
    "gan": [
        "",
        "--mixup=hidden --penalty r1=1 r2=1 --ema=0.9",
        "--dnorm=1 --dnorm_step=separate --historical_averaging=1",
    ],
    "joint discriminator": ["--g_loss=mixed"],
    "virtual batch norm": ["--ema=0.9"],
    "autoencoder": ["--trainer=trainers/amr.py", "--trainer=trainers/acai.py"],
    "bigan": [""],
    "cyclegan": ["--pool_size=5"],
    "dist_gan": [MS, "--official_quirks recon_fake"],
    "ssgan": ["--lambda_g=0.5"],
    "semi": [""],
}
DEFAULTS = "--iterator={data}/made.py --batch_size=8"


def table_cases():
    """The cases of the tables."""
    tables = (
        ("one", {group: lines for group, (_, lines) in GROUPS.items()}, ""),
        ("one", BF16, "--amp=bf16"),
        ("two", TWO, ""),
        ("resumed", RESUMED, ""),
    )
    made = []
    for kind, table, more in tables:
        for group, lines in table.items():
            for line in lines:
                own = f"{line} {more}".strip()
                whole = f"{DEFAULTS} {GROUPS[group][0]} {own}"
                made.append(Case(f"{group}{KINDS[kind]}: {own}".removesuffix(": "), whole, whole, kind))
    return made
