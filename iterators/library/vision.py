"""Data sets through torchvision: official splits as uint8 arrays, and one line, soon, if they cannot be
had."""

import contextlib
import glob
import io
import os
import queue
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

import numpy as np

from engine import distributed
from engine.errors import MissingError
from iterators.library import cache as image_cache
from iterators.library import decoding
from iterators.library.files import digest, listing
from iterators.library.splits import Splits, spans


def data_root(root):
    """root, or by default the environment variable DATA_DIR, or "data"."""
    return os.path.expanduser(str(root if root is not None else os.environ.get("DATA_DIR") or "data"))


def load(name, parts, files, root=None, size=None, download=True, cache=None, workers=2, slow=False, also=""):
    """{split: {"x": uint8 [N, C, H, W], "y": int64 [N]}} of a torchvision data set; no y where some are -1
    (unlabelled).

    name: torchvision's. parts: {split: [arguments of the class, ...]}, joined in that order. files: where its
    files lie below root, as a pattern. size: resized as `decoding.fit` says. What is resized, or slow to
    read, is kept in an image cache. also: a further remedy for the message. Raises MissingError naming root
    where the data are not, and cannot be downloaded, or are damaged.
    """
    root = data_root(root)
    image_cache.whole("size", size)

    def fetch():
        joined = {}
        for split, arguments in parts.items():
            pairs = [obtain(name, given, files, root, download, also) for given in arguments]
            joined[split] = [
                np.concatenate(arrays) if len(pairs) > 1 else arrays[0] for arrays in zip(*pairs)
            ]
        return joined

    def paths():
        return sorted(glob.glob(os.path.join(glob.escape(root), files)))

    def content():
        return digest([image_cache.file_sha256(path) for path in paths()], name, parts)

    def build(path):
        joined = fetch()
        images = {
            split: x if size is None else decoding.resize_all(x, size, workers)
            for split, (x, _) in joined.items()
        }
        lengths = spans({split: len(x) for split, x in images.items()})
        last = next(reversed(lengths.values()))[1]
        out = decoding.new_array(path, (last, *next(iter(images.values())).shape[1:]))
        for split, (start, stop) in lengths.items():
            out[start:stop] = images[split]
        return {"y": np.concatenate([y for _, y in joined.values()])}, {
            "splits": lengths,
            "digest": content(),
        }

    with distributed.rank0_first():  # one process downloads and decodes, the others find it
        if size is None and not slow:
            splits = Splits(
                {split: {"x": x.transpose(0, 3, 1, 2), "y": y} for split, (x, y) in fetch().items()}
            )
        else:
            if not paths():
                fetch()  # the cache's key needs the files
            source, listed = os.path.join(root, name), listing(root, paths())
            described = listed.key, listed.identity
            splits = image_cache.by_split(
                *image_cache.cached(source, described, [name, parts, size], build, content, cache)
            )
    for split, arrays in splits.items():
        splits[split] = {key: array for key, array in arrays.items() if key != "y" or array.min() >= 0}
    return splits


def obtain(name, arguments, files, root, download, also=""):
    """(uint8 [N, H, W, C], int64 [N]) of one torchvision data set: read, or else downloaded if a host
    answers."""
    import torchvision

    cls = getattr(torchvision.datasets, name)

    def read(download):
        with quiet():
            return arrays_of(cls(root, download=download, **arguments))

    try:
        return read(False)
    except ImportError as error:
        raise MissingError(f"{name} needs the package {error.name}; run pip install {error.name}") from None
    except Exception as error:  # torchvision raises whatever its readers stumble over
        reason = one_line(error)
    there = bool(glob.glob(os.path.join(glob.escape(root), files)))
    failure = "download=False" if not download else unreachable(addresses(cls))
    if failure is None:
        try:
            return read(True)
        except Exception as error:
            failure = one_line(error)
    what = (
        f"the {name} files there ({files}) are damaged or not all there ({reason}) and could not be replaced"
        if there
        else f"no {name} there ({files}) and it could not be downloaded"
    )
    raise MissingError(
        f"--iterator_args root={root}: {what} ({failure}); put the files there, or give root=... "
        f"or set DATA_DIR{also}"
    )


def arrays_of(dataset):
    """(uint8 [N, H, W, C], int64 [N]) of a torchvision data set held in memory. Raises ValueError if it is
    not whole."""
    x = np.asarray(dataset.data)
    y = np.asarray(dataset.targets if hasattr(dataset, "targets") else dataset.labels).astype(np.int64)
    if x.ndim == 3:
        x = x[..., None]
    elif x.shape[1] == 3:  # SVHN and STL-10 have the channels first
        x = x.transpose(0, 2, 3, 1)
    if x.dtype != np.uint8 or len(x) != len(y) or not len(x):
        raise ValueError(f"{len(x)} images of type {x.dtype} and {len(y)} labels")
    return x, y


@contextlib.contextmanager
def quiet(seconds=30):
    """Without torchvision's printing (its progress bar is kept on a terminal); a connection that stalls fails
    in `seconds`."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            with (
                contextlib.nullcontext() if sys.stderr.isatty() else contextlib.redirect_stderr(io.StringIO())
            ):
                yield
    finally:
        socket.setdefaulttimeout(before)


def addresses(cls):
    """Where a torchvision data set is downloaded from, as the class says."""
    if hasattr(cls, "mirrors"):
        return list(cls.mirrors)
    return (
        [cls.url]
        if hasattr(cls, "url")
        else [entry[0] for entry in getattr(cls, "split_list", {}).values()][:1]
    )


def unreachable(urls, seconds=5):
    """Why none of the hosts answers within some seconds, or None if one does; torchvision would try each for
    minutes."""
    answers = queue.SimpleQueue()

    def ask(url):
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
            answers.put(None)
        except urllib.error.HTTPError:
            answers.put(None)  # a refusal to list a folder is an answer
        except Exception as error:
            answers.put(one_line(error))

    for url in urls:
        threading.Thread(target=ask, args=(url,), daemon=True).start()
    reason, end = None, time.monotonic() + seconds
    for _ in urls:
        try:
            reason = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return f"no answer within {seconds} s"
        if reason is None:
            return None
    return reason


def one_line(error):
    """An exception's message as one short line."""
    return " ".join(str(getattr(error, "reason", None) or error).split())[:200] or type(error).__name__
