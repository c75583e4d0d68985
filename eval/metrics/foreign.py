"""Statistics of real images that other tools have written: mean and covariance of features, from a file."""

import collections
import io
import pickle
import zipfile

import numpy as np

from engine.errors import MissingError, UserError
from engine.files import read_regular

# what pickles of statistics are made of; nothing else is loaded
SAFE = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    ("collections", "OrderedDict"),
}
AS_DICT = ("dnnlib.util", "EasyDict")  # a dict whose keys are attributes too


class Reader(pickle.Unpickler):
    """Loads numpy arrays, numbers, text and containers of them; refuses all else, and runs no code."""

    def find_class(self, module, name):
        """The class, if it is one of these."""
        if (module, name) == AS_DICT:
            return collections.OrderedDict
        if (module, name) in SAFE:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which statistics do not need")


def read(path, kind="fid"):
    """(mean [d], covariance [d, d], number of images or None) as float64, of
      .npz  with mu and sigma: pytorch-fid's, ADM's, EDM's
      .pkl  StyleGAN's FeatureStats: raw_mean, raw_cov, num_items; covariance with divisor n, as there
      .pkl  EDM2's {"fid": {"mu", "sigma"}, "fd_dinov2": ...}, of which `kind` is taken

    Raises MissingError where there is no such file, UserError where it holds other things, or code.
    """
    try:
        data = read_regular(path)
    except OSError as error:
        raise MissingError(f"--real_statistics: {path}: {error.strerror}; use a file of statistics") from None
    try:
        mean, cov, n = of_npz(data) if data[:2] == b"PK" else of_pickle(data, kind)
        mean, cov = (np.asarray(value, dtype=np.float64) for value in (mean, cov))
    except (ValueError, KeyError, EOFError, TypeError, AttributeError, IndexError) as error:
        raise refused(path, str(error)) from None
    except (pickle.UnpicklingError, zipfile.BadZipFile, ImportError, RecursionError) as error:
        raise refused(path, str(error)) from None
    if (
        mean.ndim != 1
        or cov.shape != (len(mean),) * 2
        or not np.isfinite(cov).all()
        or not np.isfinite(mean).all()
    ):
        raise refused(
            path, f"mean {list(mean.shape)} and covariance {list(cov.shape)} do not fit, or are not finite"
        )
    return mean, cov, n


def refused(path, why):
    """The UserError of a file that cannot be used."""
    return UserError(
        f"--real_statistics: {path}: no statistics ({' '.join(why.split())[:90]}); use a .npz with mu and "
        "sigma, or StyleGAN's .pkl"
    )


def of_npz(data):
    """Those of a .npz."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return arrays["mu"], arrays["sigma"], None


def of_pickle(data, kind):
    """Those of a pickle."""
    found = Reader(io.BytesIO(data)).load()
    if "raw_mean" in found:
        n = int(found["num_items"])
        mean = np.asarray(found["raw_mean"]) / n
        return mean, np.asarray(found["raw_cov"]) / n - np.outer(mean, mean), n
    found = found.get(kind, found)
    return found["mu"], found["sigma"], None
