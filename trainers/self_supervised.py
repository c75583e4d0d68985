"""What Dist-GAN, SSGAN and MS-GAN share: one pass of D for several heads, the rotation task, and means over
all processes."""

import torch

from engine.errors import UserError
from engine.flags import weight
from losses import distances, rotation
from trainers import penalised
from trainers.base import Check, Trainer
from trainers.batchnorm import by_batch, compares_halves

CLASSES = {"none": 0, "ss": 4, "ms": 5, "la": 8, "la+": 8}  # of D's second head


def add_flags(group, task, d_weight, g_weight, g_task, tasks=("none", "ss", "ms"), more=""):
    """Declares the flags of the rotation task, and --penalty; the arguments are the task's defaults. tasks:
    those offered, of CLASSES; more: what help says of those that are not of every trainer."""
    penalised.add_flag(group)
    group.add_argument(
        "--self_supervised",
        choices=tasks,
        default=task,
        help="D's second head tells apart: nothing (none), four rotations (ss; Chen et al. 2019), "
        f"or four rotations and generated images (ms; Tran et al. 2019){more} (default {task})",
    )
    group.add_argument(
        "--lambda_d",
        "--beta",
        type=weight,
        default=d_weight,
        help=f"weight of the task in D's loss, SSGAN's beta (default {d_weight})",
    )
    group.add_argument(
        "--lambda_g",
        "--alpha",
        type=weight,
        default=g_weight,
        help=f"weight of the task in G's loss, SSGAN's alpha (default {g_weight})",
    )
    group.add_argument(
        "--g_task",
        choices=("help", "match"),
        default=g_task,
        help="G's part in the task: its rotated images are told apart (help; SSGAN), or as well as "
        f"real ones, |CE fake - CE real| (match; Tran et al. 2019) (default {g_task})",
    )
    group.add_argument(
        "--rotations",
        choices=rotation.POOLS,
        default="random",
        help="which of the pool of all rotated (and generated) images: as many as the "
        "batch has at random, or each class alike (stratified), or all of them (full) (default random)",
    )


class SelfSupervised(Trainer):
    """A GAN whose discriminator may have a second head, disc.rotation.

    Phi is D's last hidden state, h_last; h_0 is the image. A subclass writes train_step and calls add_flags
    above.
    """

    def __init__(self, nets, args):
        super().__init__(nets, args)
        if compares_halves(self.disc):
            raise UserError(
                f"--network: the discriminator of {args.network} compares the real with the generated half "
                f"of a batch, which {type(self).__name__} does not make; use --network_args "
                "minibatch_form=paper"
            )
        self.classify = rotation.cross_entropy
        wanted, offered = CLASSES[args.self_supervised], getattr(self.disc, "classes", 0)
        if wanted:
            if offered != wanted:
                raise UserError(
                    f"--self_supervised={args.self_supervised}: needs a head of {wanted} classes, the "
                    f"discriminator of {args.network} offers {offered}; use --network_args classes={wanted} "
                    "if it has it"
                )
            height, breadth = args.data_shape[1:]
            if height != breadth:
                raise UserError(
                    f"--self_supervised={args.self_supervised}: images of {height}x{breadth} pixels cannot "
                    "be turned; use square ones"
                )
        elif offered:
            self.warnings.append(
                f"--self_supervised=none: nothing trains the discriminator's head of {offered} classes; use "
                "--network_args classes=0"
            )
        alone = args.self_supervised == "la"  # the task is the loss: without weights
        self.d_task = wanted if alone or args.lambda_d > 0 else 0
        self.g_task = wanted if alone or args.lambda_g > 0 else 0
        if not wanted:
            self.warn_if_unused(False, "--self_supervised", "lambda_d", "lambda_g", "g_task", "rotations")
        elif alone:
            self.warn_if_unused(False, "--self_supervised=ss, ms or la+", "lambda_d", "lambda_g", "g_task")
        else:
            self.warn_if_unused(
                self.g_task and wanted < 8, "--lambda_g and --self_supervised=ss or ms", "g_task"
            )
            self.warn_if_unused(self.d_task or self.g_task, "--lambda_d or --lambda_g", "rotations")
            if not self.d_task:
                self.warnings.append(
                    f"--lambda_d: given 0, so nothing trains the discriminator's head of {wanted} classes"
                )

    def prepare(self, batch):
        """Data-dependent initialisation of gen and disc."""
        self.data_dependent_init(batch["x"])

    def checks(self, x):
        """Trainer.checks, the last hidden state and the second head."""
        found, k, head = super().checks(x), self.last_layer, CLASSES[self.args.self_supervised]
        if k:
            found.append(Check("disc", lambda: self.disc(self.disc(x, stop=k), start=k), (2,)))
        if head:
            found.append(Check("disc", lambda: self.disc.rotation(x), (2, head), "a logit for each rotation"))
        return found

    # --- one pass of D, several heads

    def trunk(self, **images):
        """{name: h_last} of the batches [n, C, H, W] by name; one that is None is left out."""
        images = {name: x for name, x in images.items() if x is not None}
        if self.last_layer == 0:
            return images
        to_last = lambda x: self.disc(x, stop=self.last_layer)
        return dict(zip(images, self.forward_jointly(self.disc, to_last, *images.values())))

    def logits(self, h):
        """D's logits [n] of h_last."""
        return self.disc(h, start=self.last_layer) if self.last_layer else self.disc(h)

    def task_loss(self, h, turn):
        """The classification's loss [n] of h_last of turned images."""
        return self.classify(self.disc.rotation(h, start=self.last_layer), turn)

    # --- the rotation task

    def pool(self, n, classes):
        """(source, turn) by --rotations, see losses/rotation.py."""
        return rotation.POOLS[self.args.rotations](n, classes, self.device)

    def d_images(self, real, fake):
        """(images, their classes) for D's part of the task; (None, None) where it has none."""
        if not self.d_task:
            return None, None
        source, turn = self.pool(len(real), self.d_task)
        return rotation.turned(real, source, turn, fake if self.d_task == 5 else None), turn

    def g_images(self, real, fake):
        """(real images, generated images, their rotations) for G's part, both turned alike; three times None
        without one."""
        if not self.g_task:
            return None, None, None
        source, turn = self.pool(len(real), rotation.TURNS)
        return rotation.turned(real, source, turn), rotation.turned(fake, source, turn), turn

    def task_term(self, h_fake, h_real, turn):
        """G's part of the task, (lambda_g, loss), from h_last of turned generated and, for match, of turned
        real images."""
        loss = self.task_loss(h_fake, turn)
        if self.args.g_task == "match":
            loss = distances.gap(loss, self.task_loss(h_real, turn), self.mean)
        return self.args.lambda_g, loss

    # --- for the modes and the log

    def probability(self, x):
        """sigmoid(D(x)), [N]."""
        return torch.sigmoid(self.disc(x))

    def task_accuracies(self, real, fake):
        """{"disc/acc_0", "_90", "_180", "_270", and "_fake" for ms}: the head's accuracy on each class.

        Nothing without a task. Call it without a graph.
        """
        if not CLASSES[self.args.self_supervised]:
            return {}
        classes = CLASSES[self.args.self_supervised]
        source, turn = rotation.full_pool(len(real), classes, real.device)
        with by_batch(self.disc):  # as D trains
            h = self.trunk(x=rotation.turned(real, source, turn, fake if classes == 5 else None))["x"]
        shares = rotation.accuracies(self.disc.rotation(h, start=self.last_layer), turn)
        return {f"disc/acc_{name}": share for name, share in zip(("0", "90", "180", "270", "fake"), shares)}
