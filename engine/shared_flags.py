"""The flags that every trainer has."""

from engine.flag_types import (
    DEVICE_HELP,
    File,
    Group,
    Pairs,
    Plan,
    count,
    number,
    positive,
    rate,
    recorded,
    run_name,
    weight,
)

DEFAULT_TRAINER = "trainers/gan.py"


def add_shared(parser):
    """Declares the flags that every trainer has. Defaults marked (GAN mixup) are those of Verma et al. 2018's
    code."""
    g = Group(parser, parser.add_argument_group("run"))
    g.add_argument(
        "--name",
        changes_run=False,
        kept=False,  # a run may have been copied or moved: it is where it was asked for
        default="deleteme",
        type=run_name,
        help="folder of the run inside save_path (default deleteme; GAN mixup)",
    )
    g.add_argument(
        "--save_path",
        changes_run=False,
        kept=False,
        default="results",
        help="folder of all runs (default results; GAN mixup)",
    )
    g.add_argument(
        "--seed",
        type=count,
        default=0,
        help="seed of weights, data order and noise; the run's folder ends in s<seed> (default 0)",
    )
    g.add_argument(
        "--mode",
        changes_run=False,
        kept=False,
        default="train",
        help="train, or one of the modes below, which work on a trained run (default train)",
    )
    g.add_argument(
        "--resume",
        changes_run=False,
        kept=False,
        default="none",
        help="auto: the newest valid checkpoint of this run, or afresh where there is none; a path: a new "
        "run that starts from that checkpoint (default none: refuses a folder that has checkpoints)",
    )
    g.add_argument(
        "--init",
        nargs="+",
        kept=False,
        default=[],
        metavar=("FILE", "ROLE"),
        help="weights to begin a new run with: a checkpoint, and which of its networks, as in "
        "--init=old.pt gen_ema disc, where gen_ema is the averaged gen (default: its plain networks that "
        "this run has); no optimisers and no step",
    )
    g.add_argument(
        "--freeze_d",
        type=count,
        kept=True,
        default=0,
        help="first stages of the discriminators to leave as they are: FreezeD, Mo et al. 2020 (default 0)",
    )
    g.add_argument(
        "--last_epoch",
        changes_run=False,
        kept=False,
        type=count,
        default=None,
        help="with --resume=PATH: the epoch that counting goes on from (default: the checkpoint's; GAN "
        "mixup)",
    )
    g.add_argument(
        "--flags",
        changes_run=False,
        kept=False,
        default="",
        metavar="FILE.json",
        help="start from the flags in a JSON file: a run's flags.json (all but its name and place), or one "
        "that you wrote; flags of the command line come on top (default: none)",
    )
    g.add_argument(
        "--dry_run",
        changes_run=False,
        kept=False,
        action="store_true",
        help="say what would be trained, do three steps, estimate memory, time and disk, write nothing",
    )

    g = Group(parser, parser.add_argument_group("files, imported by path"))
    g.add_argument(
        "--network",
        action=File,
        default="networks/mnist.py",
        help="file with get_network (default networks/mnist.py; GAN mixup)",
    )
    g.add_argument(
        "--network_args",
        nargs="*",
        action=Pairs,
        default={},
        metavar="KEY=VALUE",
        help="its keyword arguments, as in --network_args width=64 spec_norm=True (default: the file's own)",
    )
    g.add_argument(
        "--iterator",
        action=File,
        default="iterators/mnist.py",
        help="file with get_iterators (default iterators/mnist.py; GAN mixup)",
    )
    g.add_argument(
        "--iterator_args",
        nargs="*",
        action=Pairs,
        default={},
        metavar="KEY=VALUE",
        help="its keyword arguments, as in --iterator_args root=data (default: the file's own)",
    )
    g.add_argument(
        "--accept_new_data",
        changes_run=False,
        kept=False,
        action="store_true",
        help="with --resume=auto: go on although the files or labels of the data have changed",
    )
    g.add_argument(
        "--trainer",
        action=File,
        default=DEFAULT_TRAINER,
        help="file with add_flags and get_trainer; --help lists the flags of the one given (default "
        "trainers/gan.py)",
    )

    g = Group(parser, parser.add_argument_group("optimisation"))
    g.add_argument(
        "--batch_size",
        type=positive,
        default=64,
        help="real images a step, over all processes (default 64; Miyato et al. 2018)",
    )
    g.add_argument(
        "--epochs",
        changes_run=False,
        type=count,
        default=100,
        help="passes over the training data in all (default 100; GAN mixup)",
    )
    g.add_argument(
        "--max_steps",
        changes_run=False,
        type=count,
        default=0,
        help="steps in all, instead of epochs (default 0: as epochs say)",
    )
    g.add_argument(
        "--z_dim", type=positive, default=62, help="dimensions of the noise (default 62; GAN mixup)"
    )
    g.add_argument(
        "--z_dist",
        choices=("normal", "uniform"),
        default="normal",
        help="z ~ N(0, I), or U(-1, 1) in each dimension (default normal)",
    )
    g.add_argument("--lr", type=rate, default=2e-4, help="Adam's learning rate (default 2e-4; GAN mixup)")
    g.add_argument(
        "--disc_lr",
        type=weight,
        default=0.0,
        help="that of discriminators and critics, where it is another: two time scales, Heusel et al. 2017 "
        "(default 0: --lr)",
    )
    g.add_argument(
        "--beta1",
        type=number(float, 0, 1, open_high=True),
        default=0.5,
        help="Adam's first decay (default 0.5; GAN mixup)",
    )
    g.add_argument(
        "--beta2",
        type=number(float, 0, 1, open_high=True),
        default=0.999,
        help="Adam's second decay (default 0.999; GAN mixup)",
    )
    g.add_argument(
        "--lr_schedule",
        choices=("constant", "linear", "half", "half_exp", "exp"),
        default="constant",
        help="constant; linear to zero over schedule_steps (Miyato et al. 2018); "
        "half: constant for the first half of them, then linear to zero (Zhu et al. 2017); half_exp: "
        "constant likewise, then exponentially to a hundredth (Donahue et al. 2017); exp: times lr_gamma "
        "each epoch (default constant)",
    )
    g.add_argument(
        "--lr_gamma",
        type=number(float, 0, 1, open_low=True),
        default=0.99,
        help="factor an epoch of --lr_schedule=exp (default 0.99; GAN mixup)",
    )
    g.add_argument(
        "--schedule_steps",
        planned=Plan("the learning rate's schedule", "lr_schedule", ("linear", "half", "half_exp")),
        type=count,
        default=0,
        help="steps that schedules stretch over (default 0: the whole run)",
    )
    g.add_argument(
        "--ema",
        type=number(float, 0, 1),
        default=0.0,
        help="decay, a step that updates it, of the averaged generator that samples are drawn from, "
        "as in 0.999 (default 0: no average)",
    )

    g = Group(parser, parser.add_argument_group("records"), changes_run=False)
    g.add_argument(
        "--log_every",
        type=positive,
        default=50,
        help="steps between lines of metrics.jsonl, each the mean since the last (default 50)",
    )
    g.add_argument(
        "--save_every",
        type=count,
        default=10,
        help="epochs between checkpoints; 0: only at the end (default 10; GAN mixup)",
    )
    g.add_argument(
        "--save_every_steps",
        type=count,
        default=0,
        help="steps between checkpoints, besides save_every (default 0: none)",
    )
    g.add_argument(
        "--save_images_every",
        type=count,
        default=1,
        help="epochs between sample grids; 0: only at the end (default 1)",
    )
    g.add_argument(
        "--samples",
        kept=False,
        type=positive,
        default=64,
        help="images in a grid, or drawn by --mode=sample (default 64)",
    )
    g.add_argument(
        "--save_minutes",
        type=number(float, 0),
        default=0.0,
        help="minutes between checkpoints, besides save_every (default 0: none)",
    )
    g.add_argument(
        "--keep_last", type=count, default=0, help="keep only the newest so many checkpoints (default 0: all)"
    )
    g.add_argument(
        "--keep_every",
        type=count,
        default=0,
        help="with keep_last: keep those at multiples of so many steps too (default 0: none)",
    )
    g.add_argument(
        "--tensorboard", action="store_true", help="TensorBoard events too (needs the package tensorboard)"
    )
    g.add_argument(
        "--log_to",
        nargs="*",
        type=recorded,
        kept=False,
        default=[],
        metavar="FILE.py",
        help="files with start, log and stop that get records and pictures too, such as loggers/to_wandb.py, "
        "to_mlflow.py, to_trackio.py; see docs/logging.md (default none)",
    )
    g.add_argument(
        "--health",
        nargs="?",
        const=500,
        type=count,
        default=0,
        metavar="STEPS",
        help="look at the run's health each so many steps: D's accuracy and overfitting, gradient norms, "
        "singular values, duplicates, dead channels; the log says what leaves its usual range (default: "
        "never; --health alone: 500)",
    )
    g.add_argument(
        "--traceback",
        changes_run=False,
        kept=False,
        action="store_true",
        help="show where an error came from, not only its line",
    )

    g = Group(
        parser, parser.add_argument_group("evaluation, in training or by --mode=evaluate"), changes_run=False
    )
    g.add_argument(
        "--eval_every",
        type=count,
        default=0,
        help="epochs between evaluations in training; results join metrics.jsonl, and checkpoints/best.pt is "
        "the best by the first metric (default 0: none)",
    )
    g.add_argument(
        "--metrics",
        nargs="+",
        default=[],
        metavar="METRIC",
        help="of fid, is, kid, prdc (precision, recall, density, coverage), modes, cmmd, vendi, fld, "
        "memorised (default: fid, kid, and is where the extractor classifies)",
    )
    g.add_argument(
        "--extractor",
        type=recorded,
        default="auto",
        help="inception (its scores alone are FID and IS), efficientnet, classifier, stacked-classifier, "
        "dinov2, clip, pixels, or a .py file with get_extractor(); auto: inception where its weights are, "
        "else classifier for grey images with labels, else efficientnet (default auto)",
    )
    g.add_argument(
        "--protocol",
        default="auto",
        help="<real>[-<generated>][-<split>], as in 50k-train, 10k-test, 10k-5k (default auto: full-train, "
        "all training images and as many generated; 50k-train where there are over 100,000)",
    )
    g.add_argument(
        "--inception_weights",
        default="",
        help="file of the Inception weights (default: $INCEPTION_WEIGHTS, else torch's hub cache; python -m "
        "eval.prepare fetches them)",
    )
    g.add_argument(
        "--feature_weights",
        default="",
        help="file of the weights of --extractor=dinov2 or clip (default: $DINOV2_WEIGHTS or $CLIP_WEIGHTS)",
    )
    g.add_argument(
        "--real_statistics",
        default="",
        metavar="FILE",
        help="mean and covariance of real images' features that another tool has written, in place of the "
        "data's: .npz with mu and sigma, or StyleGAN's .pkl (default: none)",
    )
    g.add_argument(
        "--eval_batch_size",
        type=positive,
        default=64,
        help="images a batch of the extractor; changes no result (default 64)",
    )

    g = Group(parser, parser.add_argument_group("machine"))
    g.add_argument(
        "--device",
        changes_run=False,
        kept=False,
        default="auto",
        help=DEVICE_HELP,
    )
    g.add_argument(
        "--cpu",
        changes_run=False,
        kept=False,
        action="store_true",
        help="the same as --device=cpu (GAN mixup)",
    )
    g.add_argument(
        "--threads",
        changes_run=False,
        type=count,
        default=0,
        help="CPU threads a process (default 0: torch's choice)",
    )
    g.add_argument(
        "--num_workers",
        changes_run=False,
        type=count,
        default=2,
        help="processes or threads that decode images; changes no result (default 2)",
    )
    g.add_argument(
        "--amp",
        choices=("off", "bf16", "fp16"),
        default="off",
        help="networks compute in bfloat16, or in float16 with a scaled loss; penalties, spectral norms, "
        "losses and updates in float32 (default off)",
    )
    g.add_argument(
        "--accumulate",
        type=positive,
        default=1,
        metavar="K",
        help="compute gradients by K parts of each process's share of a batch, one after another: less "
        "memory, the same gradient but for rounding (default 1)",
    )
    g.add_argument(
        "--compile",
        action="store_true",
        help="torch.compile for the networks that it suits; the log says which",
    )
    g.add_argument(
        "--time_limit",
        changes_run=False,
        default="",
        metavar="HH:MM:SS",
        help="save and exit 75 before so much time has passed (default: what SLURM_JOB_END_TIME leaves, else "
        "none)",
    )
    g.add_argument(
        "--max_bad_steps",
        changes_run=False,
        type=positive,
        default=50,
        help="updates in a row with a loss or gradient that is not finite, each skipped, before the run "
        "stops with exit 4 (default 50)",
    )
    g.add_argument(
        "--deterministic",
        changes_run=False,
        action="store_true",
        help="on a GPU: only kernels that give the same bits each time",
    )
