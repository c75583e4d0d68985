"""Fetches the Inception weights that FID and IS are defined by: python -m eval.prepare, on a machine with a
network."""

import os
import shutil
import urllib.request

import torch

from engine.errors import MissingError
from engine.flags import Parser
from eval import command
from eval.metrics.extractors import INCEPTION_FILES, INCEPTION_SHA256, file_sha256

URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_FILES[0]}"


def fetch(path, url=URL, sha256=INCEPTION_SHA256, seconds=20):
    """Downloads url to path, whole or not at all, unless the right file is there. Returns whether it
    downloaded.

    Raises MissingError if the host does not answer within `seconds`, or the file has another sha256.
    """
    if os.path.exists(path) and file_sha256(path) == sha256:
        return False
    part = f"{path}.part{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with urllib.request.urlopen(url, timeout=seconds) as answer, open(part, "wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
        got = file_sha256(part)
        if got != sha256:
            raise MissingError(
                f"{url}: the file has sha256 {got[:12]}..., not {sha256[:12]}..., so it was not kept; try "
                "again"
            )
        os.replace(part, path)
    except OSError as error:  # of the network (URLError), or of the disc
        reason = getattr(error, "reason", None) or error.strerror or error
        raise MissingError(
            f"{url}: could not be fetched to {path} ({reason}); run this on a machine with a network and "
            "copy the file, or name it by --inception_weights"
        ) from None
    finally:
        if os.path.exists(part):
            os.remove(part)
    return True


def main(argv=None):
    """Fetches and checks the weights, and prints where they are."""
    parser = Parser(prog="python -m eval.prepare", description=__doc__)
    parser.add_argument(
        "--out",
        default=os.path.join(torch.hub.get_dir(), "checkpoints", INCEPTION_FILES[0]),
        help="the file to write (default %(default)s, where the evaluator and torch-fidelity look)",
    )
    args = parser.parse_args(argv)
    new = fetch(args.out)
    print(f"{'fetched' if new else 'already there'}: {args.out} (sha256 {INCEPTION_SHA256})")
    return 0


def command_line():
    """main() with errors as one line on stderr and as exit codes."""
    return command.run("eval.prepare", main)
