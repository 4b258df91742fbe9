"""Writes upernet.safetensors and dice.json: goldens of the segmentation heads and losses.

    python assets/golden/heads/export_segmentation.py

UPerNet is the head of transformers (`UperNetHead`), which loads mmsegmentation's weights; in front of it stands the pyramid that
mmsegmentation builds for plain ViTs (transposed convolutions, batch norm, GELU, max pooling), here put together from torch.nn.
The Dice loss is that of segmentation_models_pytorch. Everything runs in double precision on values that single precision holds.

Names of the arrays are those of the Rust head. Besides them: `map.0` to `map.3`, `probe`; `eval` (logits with the running
statistics); `train` (logits with those of the batch), `grad.<name>` and `grad.map.<i>` of sum(train * probe), `after.<name>`
(running statistics behind that pass). Metadata `counts` holds the trained numbers of larger heads.
"""

import json
import pathlib

import safetensors.torch
import segmentation_models_pytorch
import torch
import transformers
from segmentation_models_pytorch.losses import DiceLoss
from transformers import UperNetConfig
from transformers.models.upernet.modeling_upernet import UperNetHead

PINNED = {"torch": "2.11.0", "transformers": "5.23.0", "segmentation_models_pytorch": "0.6.0"}
FOUND = {
    "torch": torch.__version__.split("+")[0],
    "transformers": transformers.__version__,
    "segmentation_models_pytorch": segmentation_models_pytorch.__version__,
}
assert PINNED == FOUND, f"expected {PINNED}, found {FOUND}"
HERE = pathlib.Path(__file__).parent
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(4)
DIM, CHANNELS, CLASSES, BATCH, HEIGHT, WIDTH = 6, 5, 3, 4, 7, 6


class Pyramid(torch.nn.Module):
    """Four maps of one extent to 4, 2, 1 and 1/2 times of it."""

    def __init__(self, dim):
        super().__init__()
        self.first_a = torch.nn.ConvTranspose2d(dim, dim, 2, 2)
        self.first_norm = torch.nn.BatchNorm2d(dim)
        self.first_b = torch.nn.ConvTranspose2d(dim, dim, 2, 2)
        self.second = torch.nn.ConvTranspose2d(dim, dim, 2, 2)

    def forward(self, maps):
        first = self.first_b(torch.nn.functional.gelu(self.first_norm(self.first_a(maps[0]))))
        return [first, self.second(maps[1]), maps[2], torch.nn.functional.max_pool2d(maps[3], 2, 2)]


class Whole(torch.nn.Module):
    def __init__(self, dim, channels, classes, scales=(1, 2, 3, 6)):
        super().__init__()
        self.pyramid = Pyramid(dim)
        config = UperNetConfig(hidden_size=channels, pool_scales=list(scales), num_labels=classes)
        self.head = UperNetHead(config, [dim] * 4)

    def forward(self, maps):
        return self.head(self.pyramid(maps))


def ours(name):
    """The Rust head's name of a parameter."""
    for old, new in {
        "head.psp_modules.": "pooled.", ".1.conv": ".conv", ".1.batch_norm": ".batch_norm",
        "head.lateral_convs": "laterals", "head.fpn_convs": "outputs", "head.fpn_bottleneck": "fusion",
        "head.bottleneck": "bottleneck", "head.classifier": "classifier", "batch_norm": "norm",
    }.items():
        if old.startswith(".1.") and "psp_modules" not in name and "pooled" not in name:
            continue
        name = name.replace(old, new)
    if "norm." in name:
        name = name.replace("norm.weight", "norm.gamma").replace("norm.bias", "norm.beta")
    return name


def rounded(tensor):
    return tensor.float().double()


def upernet():
    torch.set_default_dtype(torch.float64)
    whole = Whole(DIM, CHANNELS, CLASSES)
    state = {}
    for name, value in whole.state_dict().items():
        if name.endswith("num_batches_tracked"):
            state[name] = value
        elif name.endswith("running_var"):
            state[name] = rounded(0.5 + torch.rand(value.shape, generator=generator))
        else:
            centre = 1.0 if name.endswith("norm.weight") else 0.0
            state[name] = rounded(centre + 0.3 * torch.randn(value.shape, generator=generator))
    whole.load_state_dict(state)
    out = {ours(n): v.float() for n, v in state.items() if not n.endswith("num_batches_tracked")}
    maps = [rounded(torch.randn(BATCH, DIM, HEIGHT, WIDTH, generator=generator)) for _ in range(4)]
    probe = rounded(torch.randn(BATCH, CLASSES, 4 * HEIGHT, 4 * WIDTH, generator=generator))
    for i, values in enumerate(maps):
        out[f"map.{i}"] = values.float()
        values.requires_grad_(True)
    out["probe"] = probe.float()
    out["eval"] = whole.eval()(maps).detach()
    logits = whole.train()(maps)
    (logits * probe).sum().backward()
    out["train"] = logits.detach()
    for name, value in whole.named_parameters():
        out["grad." + ours(name)] = value.grad
    for i, values in enumerate(maps):
        out[f"grad.map.{i}"] = values.grad
    for name, value in whole.state_dict().items():
        if "running" in name:
            out["after." + ours(name)] = value
    counts = []
    torch.set_default_dtype(torch.float32)
    for dim, channels, classes in [(DIM, CHANNELS, CLASSES), (1024, 512, 15), (1024, 512, 2), (768, 256, 11)]:
        with torch.device("meta"):
            big = Whole(dim, channels, classes)
        counts.append([dim, channels, classes, sum(p.numel() for p in big.parameters())])
    # What resizing and pooling give by themselves, at extents that do not divide one another.
    values = torch.randn(1, 2, 5, 7, generator=generator)
    out["resample.maps"] = values
    for to in [(10, 14), (3, 4), (12, 5), (5, 9), (1, 1), (224, 7)]:
        name = f"{to[0]}x{to[1]}"
        double = values.double()
        resized = torch.nn.functional.interpolate(double, size=to, mode="bilinear", align_corners=False)
        out[f"bilinear.{name}"] = resized.contiguous()
        out[f"average.{name}"] = torch.nn.functional.adaptive_avg_pool2d(double, to).contiguous()
    metadata = {"versions": json.dumps(FOUND), "counts": json.dumps(counts)}
    out = {name: value.float().contiguous() for name, value in out.items()}
    safetensors.torch.save_file(out, HERE / "upernet.safetensors", metadata)


def dice():
    cases = []
    for name, classes, shape, smooth, ignore, used in [
        ("plain", 3, (2, 3, 4), 0.0, None, 3),
        ("smooth", 3, (2, 3, 4), 1.0, None, 3),
        ("ignored pixels", 4, (2, 5, 3), 0.0, -1, 4),
        ("a class without pixels", 4, (1, 4, 4), 0.5, -1, 2),
    ]:
        logits = rounded(torch.randn(shape[0], classes, *shape[1:], generator=generator)).requires_grad_(True)
        low = 0 if ignore is None else -1
        labels = torch.randint(low, used, shape, generator=generator)
        loss = DiceLoss("multiclass", smooth=smooth, ignore_index=ignore)(logits, labels)
        loss.backward()
        cases.append({
            "name": name, "shape": list(logits.shape), "smooth": smooth, "ignore_index": ignore,
            "logits": logits.detach().reshape(-1).tolist(), "labels": labels.reshape(-1).tolist(),
            "loss": loss.item(), "gradient": logits.grad.reshape(-1).tolist(),
        })
    text = json.dumps({"versions": FOUND, "cases": cases})
    (HERE / "dice.json").write_text(text + "\n")


upernet()
dice()
