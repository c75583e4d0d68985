"""What D is shown of an image: the flags of augmentation, and the Augmentation that they ask for."""

from torch import nn

from losses.augment import POLICIES


def add_flags(group):
    """Declares the flags of augmentation."""
    group.add_argument(
        "--diffaugment",
        nargs="*",
        choices=POLICIES,
        default=[],
        metavar="POLICY",
        help=f"augment all that D sees, in both players' steps: of {', '.join(POLICIES)}, in the order given "
        "(default none; Zhao et al. 2020, DiffAugment)",
    )


def augmentation_of(args):
    """The Augmentation that the flags ask for, or None."""
    functions = [POLICIES[name] for name in args.diffaugment]
    return Augmentation(functions) if functions else None


class Augmentation(nn.Module):
    """T x: functions (images, generator) -> images one after another, a draw of its own for each example."""

    def __init__(self, functions):
        super().__init__()
        self.functions = functions

    def forward(self, x, generator):
        """T x of images x [N, C, H, W] in [-1, 1], with its gradient."""
        for function in self.functions:
            x = function(x, generator)
        return x
