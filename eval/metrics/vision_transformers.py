"""Vision transformers whose published weights scores are computed with: DINOv2 and the image half of CLIP.

Dosovitskiy et al. 2021; Oquab et al. 2024 (DINOv2); Radford et al. 2021 (CLIP). Both are the same blocks,
h <- h + s_1 attention(norm(h)), h <- h + s_2 mlp(norm(h)); a module is built from the shapes of a state dict.
"""

import re

import torch
import torch.nn.functional as F
from torch import nn

HEAD = 64  # features of an attention head, in all published sizes


class Block(nn.Module):
    """One block of width d. activation: of the mlp; eps: of the layer norms."""

    def __init__(self, d, hidden, activation, eps):
        super().__init__()
        self.heads, self.activation = d // HEAD, activation
        self.norm1, self.norm2 = nn.LayerNorm(d, eps), nn.LayerNorm(d, eps)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.fc1, self.fc2 = nn.Linear(d, hidden), nn.Linear(hidden, d)
        self.scale1, self.scale2 = nn.Parameter(torch.ones(d)), nn.Parameter(torch.ones(d))

    def forward(self, h):
        """Tokens [N, T, d] -> [N, T, d]."""
        q, k, v = self.qkv(self.norm1(h)).unflatten(2, (3, self.heads, HEAD)).permute(2, 0, 3, 1, 4)
        h = h + self.scale1 * self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return h + self.scale2 * self.fc2(self.activation(self.fc1(self.norm2(h))))


class Tokens(nn.Module):
    """Patches of an image as tokens, behind a class token, with positions added."""

    def __init__(self, d, patch, positions, bias):
        super().__init__()
        self.patches = nn.Conv2d(3, d, patch, patch, bias=bias)
        self.cls = nn.Parameter(torch.zeros(d))
        self.positions = nn.Parameter(torch.zeros(positions, d))

    def forward(self, x):
        """Images [N, 3, H, W] -> tokens [N, 1 + h w, d]."""
        maps = self.patches(x)
        tokens = torch.cat([self.cls.expand(len(x), 1, -1), maps.flatten(2).transpose(1, 2)], 1)
        return tokens + self.positions_of(maps.shape[2:])

    def positions_of(self, size):
        """Positions [1 + h w, d] of h x w patches. Those of another grid than the trained one are resized as
        DINOv2 does: bicubic, by a scale that is 0.1 patches too large."""
        trained = round((len(self.positions) - 1) ** 0.5)
        if tuple(size) == (trained, trained):
            return self.positions
        grid = self.positions[1:].T.unflatten(1, (trained, trained))[None]
        scale = tuple((float(n) + 0.1) / trained for n in size)
        grid = F.interpolate(grid, mode="bicubic", scale_factor=scale)
        return torch.cat([self.positions[:1], grid[0].flatten(1).T])


class DinoV2(nn.Module):
    """ViT-S, B or L of DINOv2: the normed class token [N, d] of uint8 images, resized to 224x224.

    Differs from the paper's evaluation (Stein et al. 2023): images are resized as tensors, antialiased and
    rounded to bytes; Pillow's bicubic, which they use, may differ by one level.
    """

    mean, std, size = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 224
    resized = "bicubic to 224x224, antialiased, rounded to bytes"

    def __init__(self, state):
        super().__init__()
        if "register_tokens" in state or "blocks.0.mlp.w12.weight" in state:
            raise ValueError("it has registers or gated layers; use the ViT-S, B or L without registers")
        positions, d = state["pos_embed"].shape[1:]
        self.dim, self.title = d, {384: "vits", 768: "vitb", 1024: "vitl"}.get(d, f"vit{d}")
        patch = state["patch_embed.proj.weight"].shape[-1]
        self.tokens = Tokens(d, patch, positions, bias=True)
        self.blocks = blocks(state, r"blocks\.(\d+)\.", "blocks.0.mlp.fc1.weight", d, F.gelu, 1e-6)
        self.norm = nn.LayerNorm(d, 1e-6)
        names = {"tokens.patches": "patch_embed.proj", "tokens.cls": "cls_token", "norm": "norm"}
        names |= {"tokens.positions": "pos_embed"}
        parts = {"norm1": "norm1", "norm2": "norm2", "qkv": "attn.qkv", "out": "attn.proj"}
        parts |= {"fc1": "mlp.fc1", "fc2": "mlp.fc2", "scale1": "ls1.gamma", "scale2": "ls2.gamma"}
        for i in range(len(self.blocks)):
            names |= {f"blocks.{i}.{ours}": f"blocks.{i}.{theirs}" for ours, theirs in parts.items()}
        load(self, state, names)

    def forward(self, images):
        """See the class."""
        x = F.interpolate(images.float(), (self.size,) * 2, mode="bicubic", antialias=True)
        h = self.tokens(normalised(x.round().clamp(0, 255) / 255, self.mean, self.std))
        for block in self.blocks:
            h = block(h)
        return self.norm(h[:, 0])


class Clip(nn.Module):
    """The image half of CLIP: embeddings [N, d] of unit length, of uint8 images resized to its own size.

    Resizing is CMMD's: bicubic without antialias, not clipped (Jayasumana et al. 2024). state: of
    transformers' CLIPVisionModelWithProjection or CLIPModel.
    """

    mean = (0.48145466, 0.4578275, 0.40821073)
    std = (0.26862954, 0.26130258, 0.27577711)
    resized = "bicubic to the network's size, no antialias"

    def __init__(self, state):
        super().__init__()
        positions, d = state["vision_model.embeddings.position_embedding.weight"].shape
        patch = state["vision_model.embeddings.patch_embedding.weight"].shape[-1]
        self.size = round((positions - 1) ** 0.5) * patch
        quick = lambda x: x * torch.sigmoid(1.702 * x)
        of, first = "vision_model.encoder.layers.", "vision_model.encoder.layers.0.mlp.fc1.weight"
        self.tokens = Tokens(d, patch, positions, bias=False)
        self.blocks = blocks(state, re.escape(of) + r"(\d+)\.", first, d, quick, 1e-5)
        self.before, self.after = nn.LayerNorm(d), nn.LayerNorm(d)
        self.dim, self.title = (
            len(state["visual_projection.weight"]),
            f"CLIP of {self.size}x{self.size} pixels",
        )
        self.projection = nn.Linear(d, self.dim, bias=False)
        names = {
            "tokens.patches": "vision_model.embeddings.patch_embedding",
            "tokens.cls": "vision_model.embeddings.class_embedding",
            "tokens.positions": "vision_model.embeddings.position_embedding.weight",
            "before": "vision_model.pre_layrnorm",
            "after": "vision_model.post_layernorm",
            "projection": "visual_projection",
        }
        parts = {"norm1": "layer_norm1", "norm2": "layer_norm2", "out": "self_attn.out_proj"}
        parts |= {"fc1": "mlp.fc1", "fc2": "mlp.fc2"}
        state = dict(state)
        for i in range(len(self.blocks)):
            names |= {f"blocks.{i}.{ours}": f"{of}{i}.{theirs}" for ours, theirs in parts.items()}
            for kind in ("weight", "bias"):
                rows = [state[f"{of}{i}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
                state[f"blocks.{i}.qkv.{kind}"] = torch.cat(rows)
        load(self, state, names)

    def forward(self, images):
        """See the class."""
        x = F.interpolate(images.float() / 255, (self.size,) * 2, mode="bicubic")
        h = self.before(self.tokens(normalised(x, self.mean, self.std)))
        for block in self.blocks:
            h = block(h)
        return F.normalize(self.projection(self.after(h[:, 0])), dim=1)


def blocks(state, pattern, first, d, activation, eps):
    """As many Blocks as the state dict has, each with as wide a hidden layer as its first."""
    n = 1 + max(int(found[1]) for found in map(re.compile(pattern).match, state) if found)
    return nn.ModuleList(Block(d, len(state[first]), activation, eps) for _ in range(n))


def load(net, state, names):
    """Copies a state dict of other names. names: {ours: theirs}, of parameters or of modules. A Block's
    scales stay 1 where there are none."""
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            module, _, kind = name.rpartition(".")
            theirs = names[name] if name in names else f"{names.get(module, module)}.{kind}"
            if theirs in state:
                parameter.copy_(state[theirs].reshape(parameter.shape))
            elif kind not in ("scale1", "scale2"):
                raise KeyError(theirs)
    net.eval().requires_grad_(False)


def normalised(x, mean, std):
    """(x - mean) / std of each channel, x [N, 3, H, W] in [0, 1]."""
    mean, std = (torch.tensor(values, device=x.device).view(3, 1, 1) for values in (mean, std))
    return (x - mean) / std
