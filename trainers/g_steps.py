"""--g_steps, for every trainer that has a generator."""

from engine.flags import positive


def add_flag(group, each="z"):
    """Declares --g_steps; `each`: what each step of G has of its own."""
    group.add_argument(
        "--g_steps",
        type=positive,
        default=1,
        help=f"steps of G each time that one is due, each with {each} of its own (default 1)",
    )
