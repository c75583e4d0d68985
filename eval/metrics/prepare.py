"""Fetches the Inception weights that FID and IS are defined by: python -m eval.prepare, on a machine with a network."""

import os
import shutil
import sys
import urllib.request

import torch

from engine.errors import MissingError, UserError
from engine.flags import Parser
from eval.metrics.extractors import INCEPTION_FILES, INCEPTION_SHA256, file_sha256

URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_FILES[0]}"


def fetch(path, url=URL, sha256=INCEPTION_SHA256, seconds=20):
    """Downloads url to path, unless the right file is there; whole or not at all. Returns whether it had to.

    Raises MissingError if the host does not answer within so many seconds, or gives another file.
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
                f"{url}: the file has sha256 {got}, not {sha256}; it was cut short or replaced, nothing was kept"
            )
        os.replace(part, path)
    except OSError as error:  # of the network (URLError), or of the disc
        reason = getattr(error, "reason", None) or error.strerror or error
        raise MissingError(
            f"{url}: could not be fetched to {path} ({reason}); run this on a machine with a network, and copy the file to the "
            "same path here, or name it with --inception_weights or INCEPTION_WEIGHTS"
        ) from None
    finally:
        if os.path.exists(part):
            os.remove(part)
    return True


def main(argv=None):
    """Fetches, checks and says where the weights lie."""
    parser = Parser(prog="python -m eval.prepare", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--out",
        default=os.path.join(torch.hub.get_dir(), "checkpoints", INCEPTION_FILES[0]),
        help="where to (default %(default)s, where the evaluator and torch-fidelity look for it)",
    )
    args = parser.parse_args(argv)
    new = fetch(args.out)
    print(f"{'fetched' if new else 'already there, and right'}: {args.out} (sha256 {INCEPTION_SHA256})")
    return 0


def command_line():
    """main() with errors as one line on stderr and as exit codes."""
    try:
        return main()
    except UserError as error:
        print(f"eval.prepare: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
