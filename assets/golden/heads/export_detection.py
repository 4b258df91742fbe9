"""Writes detection.safetensors and detection_losses.json: goldens of the rotated FCOS head, its targets and its losses.

    python assets/golden/heads/export_detection.py

Assignment, box decoding, the total loss and the Gaussian losses are mmrotate's own files (and mmdetection's for focal loss and binary
cross-entropy), run as published on the processor; what they import from mmcv and mmdetection's registry is replaced by stand-ins without numbers. The
divergence in the other direction is torch.distributions'; effective class margins are written from the paper's formula, the plain box losses from
torch.nn.functional. Pyramid and head are put together from torch.nn. Everything runs in double precision on values that single precision holds.

detection.safetensors: for each of the models `a` and `b` its arrays under the names of the Rust head, `map`, per level `class.<i>`,
`distances.<i>`, `angle.<i>`, `center.<i>`, the probes `probe.<what>.<i>`, and `grad.<name>` and `grad.map` of the sum of all outputs times
their probes. detection_losses.json: outputs of a head, objects, settings, losses and gradients.
"""

import importlib.metadata
import importlib.util
import json
import math
import pathlib
import sys
import types

import safetensors.torch
import torch
import torch.nn.functional as F

PINNED = {"torch": "2.11.0", "mmrotate": "0.3.4", "mmdet": "2.28.2"}
FOUND = {name: importlib.metadata.version(name).split("+")[0] for name in PINNED}
assert PINNED == FOUND, f"expected {PINNED}, found {FOUND}"
HERE = pathlib.Path(__file__).parent
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(6)


def package(name):
    """Folder of an installed package that cannot be imported without mmcv."""
    return pathlib.Path(importlib.metadata.distribution(name).locate_file(name))


class Stand(types.ModuleType):
    """A module in place of one that is not installed: registries that register nothing."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        registry = types.SimpleNamespace(register_module=lambda *a, **k: lambda x: x)
        return registry if name.isupper() else (lambda *a, **k: None)


def stand(name, **values):
    module = Stand(name)
    module.__path__ = []
    for key, value in values.items():
        setattr(module, key, value)
    sys.modules[name] = module
    return module


def load(name, folder, path):
    spec = importlib.util.spec_from_file_location(name, package(folder) / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def multi_apply(function, *lists, **fixed):
    return tuple(map(list, zip(*(function(*values, **fixed) for values in zip(*lists)))))


for empty in ["cv2", "mmcv", "mmcv.ops", "mmdet", "mmdet.models", "mmdet.models.builder", "mmdet.models.losses", "mmrotate",
              "mmrotate.models", "mmrotate.models.builder", "mmrotate.models.losses", "mmrotate.models.dense_heads",
              "mmrotate.core.bbox", "mmrotate.core.bbox.builder", "mmrotate.core.bbox.coder"]:
    stand(empty)
stand("mmcv", jit=lambda *a, **k: (lambda f: f))
stand("mmcv.cnn", Scale=object)
stand("mmcv.runner", force_fp32=lambda *a, **k: (lambda f: f))
stand("mmdet.core", multi_apply=multi_apply, reduce_mean=lambda x: x, BaseBBoxCoder=object)
stand("mmrotate.core")
load("mmdet.models.losses.utils", "mmdet", "models/losses/utils.py")
focal = load("mmdet.models.losses.focal_loss", "mmdet", "models/losses/focal_loss.py")
entropy = load("mmdet.models.losses.cross_entropy_loss", "mmdet", "models/losses/cross_entropy_loss.py")
gaussian = load("mmrotate.models.losses.gaussian_dist_loss", "mmrotate", "models/losses/gaussian_dist_loss.py")
load("mmrotate.core.bbox.transforms", "mmrotate", "core/bbox/transforms.py")
coder = load("mmrotate.core.bbox.coder.distance_angle_point_coder", "mmrotate", "core/bbox/coder/distance_angle_point_coder.py")
stand("mmrotate.models.dense_heads.rotated_anchor_free_head", RotatedAnchorFreeHead=object)
fcos = load("mmrotate.models.dense_heads.rotated_fcos_head", "mmrotate", "models/dense_heads/rotated_fcos_head.py")


def rounded(tensor):
    return tensor.float().double()


def normal(*shape, centre=0.0, std=1.0):
    return rounded(centre + std * torch.randn(*shape, generator=generator))


# --- pyramid and head -------------------------------------------------------------------------------------------------


class ChannelNorm(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.gamma = torch.nn.Parameter(torch.ones(channels))
        self.beta = torch.nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.gamma.shape, self.gamma, self.beta, 1e-6)
        return x.permute(0, 3, 1, 2)


class Level(torch.nn.Module):
    def __init__(self, scale, dim, channels):
        super().__init__()
        up, out = [], dim
        if scale == 4:
            up, out = [(dim, dim // 2), (dim // 2, dim // 4)], dim // 4
            self.up_norm = ChannelNorm(dim // 2)
        elif scale == 2:
            up, out = [(dim, dim // 2)], dim // 2
        self.scale = scale
        self.up = torch.nn.ModuleList(torch.nn.ConvTranspose2d(a, b, 2, 2) for a, b in up)
        self.reduce = torch.nn.Conv2d(out, channels, 1, bias=False)
        self.reduce_norm = ChannelNorm(channels)
        self.smooth = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.smooth_norm = ChannelNorm(channels)

    def forward(self, x):
        if self.scale == 0.5:
            x = F.max_pool2d(x, 2, 2)
        for i, up in enumerate(self.up):
            x = up(x)
            if self.scale == 4 and i == 0:
                x = F.gelu(self.up_norm(x))
        return self.smooth_norm(self.smooth(self.reduce_norm(self.reduce(x))))


class Pyramid(torch.nn.Module):
    def __init__(self, dim, channels, scales, pooled, convolutions):
        super().__init__()
        self.levels = torch.nn.ModuleList(Level(s, dim, channels) for s in scales)
        self.extra = torch.nn.ModuleList(torch.nn.Conv2d(channels, channels, 3, 2, 1) for _ in range(convolutions))
        self.pooled = pooled

    def forward(self, x):
        maps = [level(x) for level in self.levels]
        for i, conv in enumerate(self.extra):
            maps.append(conv(maps[-1] if i == 0 else F.relu(maps[-1])))
        for _ in range(self.pooled):
            maps.append(F.max_pool2d(maps[-1], 1, 2))
        return maps


class GroupNorm(torch.nn.Module):
    def __init__(self, groups, channels):
        super().__init__()
        self.groups = groups
        self.gamma = torch.nn.Parameter(torch.ones(channels))
        self.beta = torch.nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return F.group_norm(x, self.groups, self.gamma, self.beta, 1e-5)


class TowerLayer(torch.nn.Module):
    def __init__(self, a, b, groups):
        super().__init__()
        self.conv = torch.nn.Conv2d(a, b, 3, padding=1, bias=False)
        self.norm = GroupNorm(groups, b)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Head(torch.nn.Module):
    def __init__(self, channels, width, layers, groups, classes, levels, exponential, scale_angle, on_box):
        super().__init__()
        tower = lambda: torch.nn.Sequential(*(TowerLayer(channels if i == 0 else width, width, groups) for i in range(layers)))
        self.class_tower, self.box_tower = tower(), tower()
        conv = lambda n: torch.nn.Conv2d(width, n, 3, padding=1)
        self.class_logits, self.distances, self.angle, self.center_ness = conv(classes), conv(4), conv(1), conv(1)
        self.scales = torch.nn.Parameter(torch.ones(levels))
        if scale_angle:
            self.angle_scale = torch.nn.Parameter(torch.ones(1))
        self.exponential, self.scale_angle, self.on_box = exponential, scale_angle, on_box

    def forward(self, maps):
        out = []
        for i, x in enumerate(maps):
            c, b = self.class_tower(x), self.box_tower(x)
            d = self.scales[i] * self.distances(b)
            d = d.exp() if self.exponential else d.clamp(min=0)
            a = self.angle(b)
            if self.scale_angle:
                a = a * self.angle_scale
            out.append((self.class_logits(c), d, a, self.center_ness(b if self.on_box else c)))
        return out


class Whole(torch.nn.Module):
    def __init__(self, pyramid, head):
        super().__init__()
        self.pyramid, self.fcos = Pyramid(*pyramid), Head(*head)

    def forward(self, x):
        return self.fcos(self.pyramid(x))


def forward():
    out = {}
    models = {
        "a": (Whole((8, 6, [4, 2, 1, 0.5], 1, 0), (6, 4, 2, 2, 3, 5, False, True, True)), (2, 8, 4, 6)),
        "b": (Whole((4, 4, [2, 1], 0, 2), (4, 6, 1, 3, 2, 4, True, False, False)), (1, 4, 5, 4)),
    }
    for name, (model, shape) in models.items():
        for key, value in model.named_parameters():
            centre = 1.0 if key.endswith(("gamma", "scales", "angle_scale")) else 0.0
            # Exponentials of large numbers would have gradients that single precision loses.
            value.data = normal(*value.shape, centre=centre, std=0.4 if name == "a" else 0.2)
            out[f"{name}.{key}"] = value.data
        x = normal(*shape)
        out[f"{name}.map"] = x.clone()
        x.requires_grad_(True)
        total = 0.0
        for i, level in enumerate(model(x)):
            for what, value in zip(["class", "distances", "angle", "center"], level):
                probe = normal(*value.shape)
                out[f"{name}.{what}.{i}"] = value.detach()
                out[f"{name}.probe.{what}.{i}"] = probe
                total = total + (value * probe).sum()
        total.backward()
        for key, value in model.named_parameters():
            out[f"{name}.grad.{key}"] = value.grad
        out[f"{name}.grad.map"] = x.grad
    out = {key: value.float().contiguous() for key, value in out.items()}
    safetensors.torch.save_file(out, HERE / "detection.safetensors", {"versions": json.dumps(FOUND)})


# --- targets and losses -----------------------------------------------------------------------------------------------

CLASSES, STRIDES, GRIDS = 3, [4, 8, 16], [(10, 12), (5, 6), (3, 3)]
LIMITS = [14.0, 30.0]
COUNTS = [40, 9, 2]


class Points:
    def grid_priors(self, sizes, dtype, device):
        points = []
        for (h, w), stride in zip(sizes, STRIDES):
            y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
            points.append(torch.stack([(x.reshape(-1) + 0.5) * stride, (y.reshape(-1) + 0.5) * stride], -1).to(dtype))
        return points


def published(loss_bbox, in_strides, radius):
    """mmrotate's head without its layers."""
    head = object.__new__(fcos.RotatedFCOSHead)
    head.__dict__.update(
        num_classes=CLASSES, cls_out_channels=CLASSES, strides=STRIDES, prior_generator=Points(), separate_angle=False,
        regress_ranges=[(-1, LIMITS[0]), (LIMITS[0], LIMITS[1]), (LIMITS[1], 1e8)], norm_on_bbox=in_strides,
        center_sampling=radius is not None, center_sample_radius=radius, loss_bbox=loss_bbox,
        bbox_coder=coder.DistanceAnglePointCoder(angle_version="le90"), loss_cls=focal.FocalLoss(),
        loss_centerness=entropy.CrossEntropyLoss(use_sigmoid=True))
    return head


def gathered(loss):
    """A box loss on decoded boxes or on distances, weighted as mmrotate's."""
    def call(found, truth, weight, avg_factor):
        return (loss(found, truth) * weight).sum() / avg_factor
    return call


def reversed_divergence(found, truth):
    def gauss(box):
        mean, sigma = gaussian.xy_wh_r_2_xy_sigma(box)
        return torch.distributions.MultivariateNormal(mean, sigma)
    return 1 - 1 / (2.0 + torch.distributions.kl_divergence(gauss(found), gauss(truth)).clamp(1e-7).sqrt())


def side_iou(found, truth):
    least = torch.minimum(found, truth)
    area = lambda d: (d[:, 0] + d[:, 2]) * (d[:, 1] + d[:, 3])
    return area(least) / (area(found) + area(truth) - area(least))


def margin_loss(logits, labels, gamma, alpha, background):
    n = torch.tensor(COUNTS, dtype=torch.float64)
    others = n.sum() * (1 + background) - n
    root = lambda x: x**0.25
    positive = (root(n) + root(others)) / root(others)
    negative = (root(n) + root(others)) / root(n)
    up, down = positive * logits.exp(), negative * (-logits).exp()
    score = up / (up + down)
    y = F.one_hot(labels, CLASSES + 1)[:, :CLASSES]
    p = torch.where(y == 1, score, 1 - score)
    a = others / n
    loss = -p.log() * (1 - p) ** gamma * (a * ((1 + a) / a).log())
    if alpha is not None:
        loss = loss * torch.where(y == 1, alpha, 1 - alpha)
    return loss


def short(values):
    """Nine digits name a number of single precision."""
    return [float(f"{v:.9g}") for v in values]


def flat(maps):
    return torch.cat([m.permute(0, 2, 3, 1).reshape(m.shape[0], -1, m.shape[1]) for m in maps], 1)


OBJECTS = [
    [  # x, y, w, h, angle, class
        [12.0, 14.0, 20.0, 9.0, 0.4, 0],
        [33.0, 20.0, 25.0, 22.0, -1.3, 1],
        [30.0, 22.0, 9.0, 7.0, -math.pi / 2, 2],
        [24.0, 20.0, 46.0, 36.0, 1.2, 0],
        [5.0, 35.0, 14.0, 14.0, 0.0, 1],
    ],
    [[40.0, 6.0, 18.0, 5.0, 1.5, 2], [90.0, 90.0, 30.0, 10.0, 0.1, 0]],
]


def losses():
    kl = {"kind": "gaussian", "distance": "kld", "root": True, "transform": "log1p", "tau": 1.0}
    cases = [
        ("kld of mmrotate", kl, {}, gaussian.GDLoss("kld", fun="log1p", tau=1.0), True, 1.5, True),
        ("kld without root, in pixels", {**kl, "root": False, "transform": "sqrt", "tau": 2.0}, {},
         gaussian.GDLoss("kld", fun="sqrt", tau=2.0, sqrt=False), False, None, True),
        ("gwd of mmrotate", {**kl, "distance": "gwd"}, {}, gaussian.GDLoss("gwd", fun="log1p", tau=1.0), True, 1.5, True),
        ("reverse divergence", {**kl, "distance": "kld_reverse", "root": False, "transform": "sqrt", "tau": 2.0}, {},
         gathered(reversed_divergence), True, 2.5, True),
        ("overlap and angle", {"kind": "iou"}, {"weight": 0.5, "beta": 0.25, "periodic": False}, "iou", True, 1.5, True),
        ("smooth l1", {"kind": "smooth_l1", "beta": 0.5}, {"weight": 2.0, "beta": 0.1, "periodic": False}, "l1", True, 1.5, True),
        ("no objects", kl, {}, gaussian.GDLoss("kld", fun="log1p", tau=1.0), True, 1.5, False),
    ]
    written = []
    for name, kind, angle_config, box_loss, in_strides, radius, with_objects in cases:
        objects = OBJECTS if with_objects else [[], []]
        boxes = [torch.tensor(o, dtype=torch.float64).reshape(-1, 6) for o in objects]
        shape = lambda n: [(2, n, *grid) for grid in GRIDS]
        logits = [normal(*s, centre=-1.0) for s in shape(CLASSES)]
        unit = 1.0 if in_strides else 8.0
        distances = [rounded(unit * (0.3 + 2.0 * torch.rand(*s, generator=generator))) for s in shape(4)]
        angles = [normal(*s, std=0.7) for s in shape(1)]
        centers = [normal(*s) for s in shape(1)]
        for m in logits + distances + angles + centers:
            m.requires_grad_(True)
        published_loss = callable(box_loss)
        head = published(box_loss if published_loss else gaussian.GDLoss("kld"), in_strides, radius)
        labels = [b[:, 5].long() for b in boxes]
        rows = [b[:, :5] for b in boxes]
        found = head.loss(logits, distances, angles, centers, rows, labels, None)
        terms = {"class": found["loss_cls"], "box": found["loss_bbox"] * 1.0, "center": found["loss_centerness"]}
        points = head.prior_generator.grid_priors(GRIDS, torch.float64, "cpu")
        level_labels, level_distances, level_angles = head.get_targets(points, rows, labels)
        order = lambda levels: torch.cat([
            m.reshape(2, -1, *m.shape[1:]) for m in levels], 1).reshape(-1, *levels[0].shape[1:])
        truth, td, ta = order(level_labels), order(level_distances), order(level_angles)
        positive = (truth < CLASSES).nonzero().reshape(-1)
        center_targets = head.centerness_target(td[positive])
        if not published_loss:
            d, a = flat(distances).reshape(-1, 4)[positive], flat(angles).reshape(-1)[positive]
            goal = td[positive]
            if box_loss == "iou":
                each = -side_iou(d, goal).log()
            else:
                each = F.smooth_l1_loss(d, goal, reduction="none", beta=kind["beta"]).sum(1)
            terms["box"] = (each * center_targets).sum() / center_targets.sum()
            angle_loss = F.smooth_l1_loss(a, ta[positive, 0], reduction="none", beta=angle_config["beta"])
            terms["angle"] = angle_loss.sum() * angle_config["weight"] / len(positive)
        sum(terms.values()).backward()
        gradient = lambda maps: [short((torch.zeros_like(m) if m.grad is None else m.grad).reshape(-1).tolist()) for m in maps]
        plain = lambda maps: [short(m.detach().reshape(-1).tolist()) for m in maps]
        case = {
            "name": name, "objects": objects, "kind": kind, "angle_loss": angle_config or None, "in_strides": in_strides, "radius": radius,
            "logits": plain(logits), "distances": plain(distances), "angles": plain(angles), "centers": plain(centers),
            "losses": {key: value.item() for key, value in terms.items()},
            "gradients": {"logits": gradient(logits), "distances": gradient(distances), "angles": gradient(angles), "centers": gradient(centers)},
            "positives": [[int(i), int(truth[i]), *td[i].tolist(), float(ta[i, 0]), float(c)] for i, c in zip(positive, center_targets)],
        }
        # Other losses of the classes on the same outputs.
        count = max(len(positive), 1)
        rows_of_logits = flat(logits).reshape(-1, CLASSES).detach()
        case["classes"] = []
        n = torch.tensor(COUNTS, dtype=torch.float64)
        balanced = torch.cat([n.sum() / (CLASSES * n), torch.ones(1)])
        for config in [] if len(written) else [
            {"focal": {"gamma": 0.0}},
            {"focal": {"gamma": 1.5, "alpha": 0.4}, "class_weights": "balanced"},
            {"focal": {"gamma": 0.0}, "margin": {"background": 6.3313}},
            {"focal": {"gamma": 2.0, "alpha": 0.25}, "margin": {"background": 50.0}},
        ]:
            z = rows_of_logits.clone().requires_grad_(True)
            gamma, alpha = config["focal"]["gamma"], config["focal"].get("alpha")
            if "margin" in config:
                loss = margin_loss(z, truth, gamma, alpha, config["margin"]["background"])
            else:
                y = F.one_hot(truth, CLASSES + 1)[:, :CLASSES].double()
                # mmdetection's focal loss knows no absent alpha: half of both, times two.
                half = alpha is None
                loss = focal.py_sigmoid_focal_loss(z, y, gamma=gamma, alpha=0.5 if half else alpha, reduction="none") * (2 if half else 1)
            if "class_weights" in config:
                loss = loss * balanced[truth][:, None]
            loss = loss.sum() / count
            loss.backward()
            case["classes"].append({"config": config, "loss": loss.item(), "gradient": short(z.grad.reshape(-1).tolist())})
        written.append(case)
    text = json.dumps({"versions": FOUND, "classes": CLASSES, "strides": STRIDES, "grids": GRIDS, "limits": LIMITS, "counts": COUNTS,
                       "cases": written})
    (HERE / "detection_losses.json").write_text(text + "\n")


forward()
losses()
