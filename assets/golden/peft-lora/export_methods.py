"""Writes the goldens of the methods of crate `peft-lora` that PEFT does not have: each method written down once more in PyTorch,
from its paper, on the tiny timm ViT of export_peft.py.

Run from anywhere:  python assets/golden/peft-lora/export_methods.py
Made with torch 2.11.0, timm 1.0.31, safetensors 0.8.0.

Layout written beside this script, in the crate's own adapter format:
  <case>/adapter_config.json  peft_type RS_PEFT_<METHOD>
  <case>/rs_peft.json         the method's numbers
  <case>/adapter_model.safetensors
  <case>/expected.safetensors input [2,3,16,16], probe [2,5], logits [2,5], and `grad.<key>` for every tensor of
                              adapter_model.safetensors, of the scalar loss sum(logits * probe)
"""

import json
import shutil

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import nn

from export_peft import HERE, tiny_vit

PREFIX = "base_model.model."
DIM, HIDDEN, DEPTH, PATCH, CHANNELS = 16, 32, 2, 4, 3
LINEARS = {"attn.qkv": (DIM, 3 * DIM), "attn.proj": (DIM, DIM), "mlp.fc1": (DIM, HIDDEN), "mlp.fc2": (HIDDEN, DIM)}


class Adapted(nn.Module):
    """A frozen layer and what a method puts around it."""

    def __init__(self, base: nn.Module):
        super().__init__()
        self.base = base

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("base"), name)


class ScaledLowRank(Adapted):
    """y = (W x' + b + up(down(x'))) * s_out with x' = x * s_in."""

    def __init__(self, base: nn.Linear, rank: int, bias: bool):
        super().__init__(base)
        inputs, outputs = base.in_features, base.out_features
        self.slr_in = nn.Parameter(torch.ones(inputs))
        self.slr_down = nn.Linear(inputs, rank, bias=bias)
        self.slr_up = nn.Linear(rank, outputs, bias=bias)
        self.slr_out = nn.Parameter(torch.ones(outputs))

    def forward(self, x):
        x = x * self.slr_in
        return (self.base(x) + self.slr_up(self.slr_down(x))) * self.slr_out


class ScaledLowRankConv(Adapted):
    """y = (proj(x) + up(down(x))) * s with two convolutions of the same size and stride."""

    def __init__(self, base: nn.Conv2d, rank: int):
        super().__init__(base)
        kernel = int(base.kernel_size[0] ** 0.5)
        self.slr_down = nn.Conv2d(base.in_channels, rank, kernel, kernel)
        self.slr_up = nn.Conv2d(rank, base.out_channels, kernel, kernel)
        self.slr_out = nn.Parameter(torch.ones(base.out_channels))

    def forward(self, x):
        return (self.base(x) + self.slr_up(self.slr_down(x))) * self.slr_out[None, :, None, None]


class Bottleneck(nn.Module):
    def __init__(self, width: int, activation):
        super().__init__()
        self.down, self.up, self.activation = nn.Linear(DIM, width), nn.Linear(width, DIM), activation

    def forward(self, x):
        return self.up(self.activation(self.down(x)))


class Behind(Adapted):
    """Houlsby: a bottleneck with a residual connection behind a branch."""

    def __init__(self, base: nn.Module, width: int):
        super().__init__(base)
        self.adapter = Bottleneck(width, F.gelu)

    def forward(self, x, **options):
        h = self.base(x)
        return h + self.adapter(h)


class Beside(Adapted):
    """AdaptFormer: a scaled bottleneck beside a branch."""

    def __init__(self, base: nn.Module, width: int, scale: float, learned: bool):
        super().__init__(base)
        self.adaptmlp = Bottleneck(width, F.relu)
        self.adaptmlp.scale = nn.Parameter(torch.tensor([scale])) if learned else scale

    def forward(self, x):
        return self.base(x) + self.adaptmlp.scale * self.adaptmlp(x)


class Prompted(Adapted):
    """VPT: a block that puts prompts behind the class token, in place of `dropped` tokens there."""

    def __init__(self, base: nn.Module, prompts: int, dropped: int):
        super().__init__(base)
        self.prompts, self.dropped = nn.Parameter(torch.zeros(1, prompts, DIM)), dropped

    def forward(self, x, **options):
        own = self.prompts.expand(x.shape[0], -1, -1)
        return self.base(torch.cat([x[:, :1], own, x[:, 1 + self.dropped :]], dim=1))


def slr(model, rank, bias, patch_embed=False, norms=False):
    for block in model.blocks:
        for name in LINEARS:
            branch, child = name.split(".")
            parent = getattr(block, branch)
            setattr(parent, child, ScaledLowRank(getattr(parent, child), rank, bias))
    if patch_embed:
        model.patch_embed.proj = ScaledLowRankConv(model.patch_embed.proj, rank)
    train_norms(model, norms)


def houlsby(model, width, norms):
    for block in model.blocks:
        block.attn, block.mlp = Behind(block.attn, width), Behind(block.mlp, width)
    train_norms(model, norms)


def adaptformer(model, width, scale, learn_scale):
    for block in model.blocks:
        block.mlp = Beside(block.mlp, width, scale, learn_scale)


def vpt(model, prompts, deep):
    for number in range(DEPTH if deep else 1):
        model.blocks[number] = Prompted(model.blocks[number], prompts, prompts if number else 0)


def train_norms(model, norms):
    for name, value in model.named_parameters():
        if norms and "norm" in name:
            value.requires_grad_(True)


def published_key(name: str) -> str:
    """A parameter's key in the crate's files."""
    name = name.replace(".base.", ".")
    for norm in ("norm1", "norm2", "norm"):
        for kind in ("weight", "bias"):
            if name == f"{norm}.{kind}" or name.endswith(f".{norm}.{kind}"):
                return name.removesuffix(kind) + f"ln_tuning_layers.{kind}"
    return name


CASES = {
    "slr": (slr, dict(rank=2, bias=True)),
    "slr_patches": (slr, dict(rank=3, bias=False, patch_embed=True, norms=True)),
    "houlsby": (houlsby, dict(width=3, norms=True)),
    "adaptformer": (adaptformer, dict(width=5, scale=0.3, learn_scale=False)),
    "adaptformer_scale": (adaptformer, dict(width=3, scale=0.3, learn_scale=True)),
    "vpt_shallow": (vpt, dict(prompts=3, deep=False)),
    "vpt_deep": (vpt, dict(prompts=2, deep=True)),
}


def export(case: str) -> None:
    build, options = CASES[case]
    method = build.__name__
    model = tiny_vit().requires_grad_(False)
    torch.manual_seed(31)
    build(model, **options)
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for name, value in trained.items():
            noise = 0.2 * torch.randn_like(value)
            # Replaced where PyTorch's own initial values are random, moved where they are ones or the base's.
            value.copy_(noise + (value if "slr_in" in name or "slr_out" in name or "norm" in name or "scale" in name else 0))
    torch.manual_seed(32)
    image, probe = torch.randn(2, 3, 16, 16), torch.randn(2, 5)
    logits = model(image)
    (logits * probe).sum().backward()
    target = HERE / case
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    tensors = {"input": image, "probe": probe, "logits": logits.detach()}
    tensors |= {f"grad.{PREFIX}{published_key(n)}": p.grad for n, p in trained.items()}
    safetensors.torch.save_file({k: v.contiguous() for k, v in tensors.items()}, target / "expected.safetensors")
    values = {PREFIX + published_key(n): p.detach().contiguous() for n, p in trained.items()}
    safetensors.torch.save_file(values, target / "adapter_model.safetensors")
    config = dict(peft_type=f"RS_PEFT_{method.upper()}", target_modules=None, modules_to_save=None)
    (target / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    record = dict(format_version=1, method=dict(method=method, **options), base_sha256=None)
    (target / "rs_peft.json").write_text(json.dumps(record, indent=2) + "\n")
    print(case, sorted(values))


if __name__ == "__main__":
    for case in CASES:
        export(case)
