"""What trainers with an encoder share: how codes are asked for, and the flags of the modes that look at them (eval/modes/autoencoder.py)."""

from engine.flags import count, number, positive
from trainers.base import Trainer


def add_mode_flags(group):
    """Declares the flags of the modes; none changes training."""
    group.add_argument(
        "--val_batch_size", type=positive, default=64, help="modes: how many examples to show (default 64)"
    )
    group.add_argument(
        "--vis_seed",
        type=count,
        default=0,
        help="modes: seed of which examples, and of their partners (default 0)",
    )
    group.add_argument(
        "--num_interps",
        type=number(int, 2),
        default=10,
        help="interp modes: images from one end to the other (default 10)",
    )
    group.add_argument(
        "--framerate", type=positive, default=30, help="save_frames: frames a second (default 30)"
    )
    group.add_argument(
        "--resize_to",
        type=count,
        default=0,
        help="save_frames: pixels of a frame's side (default 0: as the images are)",
    )
    group.add_argument("--crf", type=count, default=23, help="save_frames: libx264's quality (default 23)")
    group.add_argument(
        "--tsne_examples", type=positive, default=2000, help="tsne: training examples (default 2000)"
    )
    group.add_argument(
        "--use_labels",
        type=int,
        choices=(0, 1),
        default=1,
        help="tsne: classes are labels (1), or k-means clusters of the codes (0) (default 1)",
    )
    group.add_argument(
        "--votes",
        type=positive,
        nargs=2,
        default=[10000, 5000],
        metavar=("TRAIN", "EVAL"),
        help="disentangle: votes to train and to evaluate (default 10000 5000)",
    )
    group.add_argument(
        "--vote_images", type=positive, default=64, help="disentangle: images a vote (default 64)"
    )


class Coder(Trainer):
    """A trainer whose role `enc` gives codes. A subclass writes decode(h); its flags are those above besides its own."""

    def code(self, h):
        """The code in what the encoder gives: all of it; of a variational one the mean."""
        return h

    def encode(self, x):
        """Codes [N, ...] of images [N, C, H, W], by the averaged encoder with --ema."""
        return self.code(self.sampling_net("enc")(x))

    def interpolate(self, h, other, p):
        """p h + (1 - p) other, of codes [N, ...]: h where p = 1."""
        return other.lerp(h, p)
