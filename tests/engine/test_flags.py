import json
import os

import pytest

from engine import flags, saved_flags
from engine.errors import MissingError, UserError


def parse(*words, modes=("train", "sample")):
    return flags.parse(list(words), modes)


def test_the_originals_command_parses_with_its_meanings():
    args = parse(
        *"--name=baseline_specnorm --batch_size=64 --epochs=500 --z_dim=62 --beta1=0.0 "
        "--iterator=iterators/cifar10.py --network=networks/model_resnet_specnorm.py --save_every=20 "
        "--dnorm=0.0 --update_g_every=5 --resume=auto".split()
    )
    assert (
        args.name,
        args.batch_size,
        args.epochs,
        args.z_dim,
        args.beta1,
        args.save_every,
        args.dnorm,
        args.update_g_every,
        args.resume,
    ) == ("baseline_specnorm", 64, 500, 62, 0.0, 20, 0.0, 5, "auto")
    assert (args.lr, args.beta2, args.alpha, args.loss, args.mixup, args.mixup_ff) == (
        2e-4,
        0.999,
        0.2,
        "jsgan",
        "none",
        False,
    )


def test_pairs_add_up_and_later_ones_win():
    args = parse(
        "--penalty",
        "gp=10",
        "r1=0.1",
        "--network_args",
        "width=64",
        "--penalty",
        "gp=5",
        "--network_args",
        "depth=2",
        "width=8",
    )
    assert args.penalty == {"gp": 5, "r1": 0.1} and args.network_args == {"width": 8, "depth": 2}
    assert parse().penalty == {}  # nothing leaked into the default


@pytest.mark.parametrize(
    "words, said",
    [
        (["--los=hinge"], "--los: unknown flag; use --loss or another that --help lists"),
        (["--loss=hing"], "--loss: invalid choice: 'hing'"),
        (["--mixup=visible"], "--mixup: invalid mixup"),
        (["--penalty", "gpp=1"], "--penalty: given gpp=1; use gp"),
        (["--penalty", "gp=-1"], "--penalty: given gp=-1; the weight must be"),
        (["--penalty", "gp=nan"], "--penalty: given gp=nan; the weight"),
        (["--penalty", "gp"], "--penalty: given 'gp'; use key=value"),
        (["--alpha=0"], "--alpha: given '0'; must be a number above 0"),
        (["--alpha=nan"], "--alpha: given 'nan'"),
        (["--batch_size=1.5"], "--batch_size: given '1.5'; must be a whole number of at least 1"),
        (["--beta1=2"], "--beta1: given '2'; must be a number of at least 0 and below 1"),
        (["--beta2=1"], "--beta2: given '1'; must be a number of at least 0 and below 1"),
        (["--lr=fast"], "--lr: given 'fast'"),
        (["--mode=fly"], "--mode: given 'fly'; use one that --help lists"),
        (["--name=../up"], "--name: given '../up'"),
        (["--last_epoch=3"], "--last_epoch: use it with --resume=PATH"),
        (["--trainer=trainers/none.py"], "--trainer: no file trainers/none.py"),
    ],
)
def test_bad_words(words, said):
    with pytest.raises(UserError) as caught:
        parse(*words)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_trainer_files_flags_are_its_own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "def add_flags(group): group.add_argument('--gamma', type=float, default=3.0)\ndef get_trainer(nets, "
        "args): pass"
    )
    args = parse(f"--trainer={path}", "--gamma=2")
    assert args.gamma == 2 and not hasattr(args, "mixup")
    with pytest.raises(UserError, match="--mixup: unknown flag"):
        parse(f"--trainer={path}", "--mixup=pixel")


def test_help_names_every_flag_with_its_default(capsys):
    with pytest.raises(SystemExit) as caught:
        parse("--help")
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for flag in (
        "name batch_size epochs loss z_dim lr beta1 beta2 mixup mixup_ff alpha dnorm update_g_every iterator "
        "resume network save_path save_images_every save_every last_epoch cpu seed max_steps "
        "save_every_steps device num_workers network_args iterator_args penalty lr_schedule ema log_every "
        "deterministic threads mode trainer"
    ).split():
        assert f"--{flag} " in text, flag
    assert "exit codes" in text


def test_other_modes_take_a_runs_own_flags(tmp_path):
    with pytest.raises(MissingError, match="--name: no run in"):
        parse("--mode=sample", f"--save_path={tmp_path}", "--name=a")
    folder = tmp_path / "a" / "s3"
    folder.mkdir(parents=True)
    saved = begun("--z_dim=7", "--name=a", "--seed=3", f"--save_path={tmp_path}", "--penalty", "r1=1")
    (folder / "flags.json").write_text(json.dumps(saved))
    args = parse("--mode=sample", f"--save_path={tmp_path}", "--name=a", "--seed=3", "--samples=5")
    assert (args.z_dim, args.mode, args.samples, args.penalty) == (7, "sample", 5, {"r1": 1})
    assert (args.data_shape, args.steps_per_epoch) == ([1, 8, 8], 5)


def begun(*words):
    """The flags of a run as flags.json holds them."""
    facts = {"data_shape": [1, 8, 8], "n_classes": 10, "steps_per_epoch": 5, "total_steps": 500}
    return saved_flags.record(parse(*words)) | facts


def differences(then, *words, folder):
    """What differs between the words of an earlier start, or its flags, and those of now."""
    then = begun(*then) if isinstance(then, list) else then
    return saved_flags.differences(then, parse(*words), str(folder))


def test_differences(tmp_path):
    assert differences([], folder=tmp_path) == []
    may = ["--epochs=3", "--device=cuda", "--log_every=1", "--num_workers=9"]
    assert differences(may, folder=tmp_path) == []
    assert differences(["--lr=0.5", "--penalty", "gp=1"], folder=tmp_path) == [
        "--lr: 0.5 then, 0.0002 now",
        "--penalty: {'gp': 1} then, {} now",
    ]
    then = ["--iterator_args", "root=elsewhere", "size=8"]
    assert differences(then, "--iterator_args", "root=here", "size=8", folder=tmp_path) == []
    assert differences(then, "--iterator_args", "root=here", "size=9", folder=tmp_path) != []
    assert differences(["--schedule_steps=5"], "--schedule_steps=9", folder=tmp_path) == []
    then = ["--schedule_steps=5", "--lr_schedule=linear"]
    (found,) = differences(then, "--schedule_steps=9", "--lr_schedule=linear", folder=tmp_path)
    assert "--schedule_steps=5" in found


def test_files_are_compared_by_content(tmp_path):
    network = tmp_path / "net.py"
    network.write_bytes(b"a = 1\nb = 2\n")
    then = begun() | {"network": "networks/old_name.py"}
    copy = saved_flags.copied(str(tmp_path), "network", then["network"])
    os.makedirs(os.path.dirname(copy))
    with open(copy, "wb") as file:
        file.write(b"a = 1\r\nb = 2\r\n")  # as a clone on Windows had it
    now = parse(f"--network={network}")
    assert saved_flags.differences(then, now, str(tmp_path)) == []
    assert saved_flags.edited(then, now, str(tmp_path)) == []
    network.write_text("a = 2\nb = 2\n")
    (found,) = saved_flags.differences(then, now, str(tmp_path))
    assert found == f"--network: networks/old_name.py then, {network} now"
    then["network"] = str(network)  # the same file, with other text
    copy = saved_flags.copied(str(tmp_path), "network", str(network))
    with open(copy, "wb") as file:
        file.write(b"a = 1\n")
    assert saved_flags.differences(then, now, str(tmp_path)) == []
    (found,) = saved_flags.edited(then, now, str(tmp_path))
    assert "has changed since the run began" in found


def test_a_file_of_another_clone_or_from_before_is_the_same_file(tmp_path):
    gone = "/nowhere/clone/trainers/gan.py"  # as runs recorded it before paths inside the project were kept
    for name in (gone, os.path.join(os.getcwd(), "trainers", "gan.py"), "trainers/gan.py"):
        assert differences(begun() | {"trainer": name}, folder=tmp_path) == [], name
    assert (
        parse().trainer
        == parse(f"--trainer={os.path.abspath('trainers/gan.py')}").trainer
        == "trainers/gan.py"
    )


@pytest.mark.parametrize(
    "trainer, word, other",
    (
        ("autoencoder", "--probe_every=1", "--probe_every=3"),
        ("semi_supervised", "--test_every=1", "--test_every=3"),
        ("amr", "--vis_seed=1", "--vis_seed=2"),
        ("amr", "--num_interps=3", "--num_interps=4"),
        ("amr", "--crf=1", "--crf=2"),
        ("amr", "--framerate=1", "--framerate=2"),
    ),
)
def test_flags_that_change_no_run_may_differ_on_resume(tmp_path, trainer, word, other):
    from eval.modes import MODES, add_flags

    then, now = (
        flags.parse([f"--trainer=trainers/{trainer}.py", w], ("train", *MODES), add_flags)
        for w in (word, other)
    )
    name = word[2:].split("=")[0]
    assert saved_flags.record(then)[name] != saved_flags.record(now)[name]
    assert saved_flags.differences(saved_flags.record(then), now, str(tmp_path)) == []


def test_a_modes_flag_is_refused_where_it_is_not_read():
    from eval.modes import MODES, add_flags

    for words in (["--at=best"], ["--frames=3"], ["--votes", "10", "10"], ["--noise_std=0.1"]):
        with pytest.raises(
            UserError, match=f"{words[0].split('=')[0]}: --mode=train does not read it; leave it out"
        ):
            flags.parse(words, ("train", *MODES), add_flags)


def test_flags_are_frozen_once_resolved():
    args = parse()
    args.total_steps = 5
    flags.resolve(args)
    with pytest.raises(UserError, match="args.lr: set after the flags were resolved"):
        args.lr = 1.0
