"""Writes the goldens of crate `deflect`: the adapted forward pass and its gradients, formulated once more in PyTorch from the equations.

Run from anywhere:  python assets/golden/deflect/export_deflect.py
Made with torch 2.11.0 and safetensors 0.8.0 (the versions used are recorded in the files). There is no published package to call:
this is a second, independent formulation (double precision, loops over patches and pixels, the four attention products
one by one) of what the crate computes.

Layout written beside this script:
  base.safetensors           a tiny ViT under timm names
  <case>.safetensors         an adapter in the crate's own file layout, read by its loader
  <case>_golden.safetensors  image, probe, and the results: `numbers` [batch, patches, n], `standardised`, `stream` and `tokens`
                             (what enters the first block), `block.<i>`, `output`, `loss` (sum(output * probe), plus the norm
                             loss where the case has one), `grad.<name>` of every trained tensor
"""

import json
import math
import pathlib

import safetensors.torch
import torch

HERE = pathlib.Path(__file__).resolve().parent
DIM, DEPTH, HEADS, HIDDEN, PATCH, SIDE = 12, 3, 3, 16, 4, 8
EPS = 1e-6
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def rounded(tensor: torch.Tensor) -> torch.Tensor:
    """The nearest single-precision values, in double precision."""
    return tensor.float().double()


def tiny_vit(generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Weights of a ViT in which nothing is zero or one."""

    def normal(*shape: int, scale: float = 0.3) -> torch.Tensor:
        return rounded(scale * torch.randn(*shape, generator=generator))

    weights = {
        "patch_embed.proj.weight": normal(DIM, 3, PATCH, PATCH, scale=0.15),
        "patch_embed.proj.bias": normal(DIM),
        "cls_token": normal(1, 1, DIM),
        "pos_embed": normal(1, 1 + (SIDE // PATCH) ** 2, DIM),
        "norm.weight": 1 + normal(DIM, scale=0.1),
        "norm.bias": normal(DIM),
    }
    for block in range(DEPTH):
        name = f"blocks.{block}."
        for norm in ("norm1", "norm2"):
            weights[name + norm + ".weight"] = rounded(1 + normal(DIM, scale=0.1))
            weights[name + norm + ".bias"] = normal(DIM)
        for linear, shape in dict(qkv=(3 * DIM, DIM), proj=(DIM, DIM)).items():
            weights[f"{name}attn.{linear}.weight"] = normal(*shape)
            weights[f"{name}attn.{linear}.bias"] = normal(shape[0])
        for linear, shape in dict(fc1=(HIDDEN, DIM), fc2=(DIM, HIDDEN)).items():
            weights[f"{name}mlp.{linear}.weight"] = normal(*shape)
            weights[f"{name}mlp.{linear}.bias"] = normal(shape[0])
    return {name: rounded(value) for name, value in weights.items()}


def layer_norm(x: torch.Tensor, weight: torch.Tensor | None = None, bias: torch.Tensor | None = None) -> torch.Tensor:
    centred = x - x.mean(-1, keepdim=True)
    result = centred / (centred.pow(2).mean(-1, keepdim=True) + EPS).sqrt()
    return result if weight is None else result * weight + bias


def norms(x: torch.Tensor) -> torch.Tensor:
    return x.pow(2).sum(-1, keepdim=True).sqrt()


# Which bands the indices of these cases read, and the indices themselves, over a dictionary of values of one pixel.
INDICES = {
    "NDVI": ("NR", lambda b: (b["N"] - b["R"]) / (b["N"] + b["R"])),
    "NDWI": ("GN", lambda b: (b["G"] - b["N"]) / (b["G"] + b["N"])),
    "MNDWI": ("GS", lambda b: (b["G"] - b["S"]) / (b["G"] + b["S"])),
    "NDBI": ("SN", lambda b: (b["S"] - b["N"]) / (b["S"] + b["N"])),
    "NDMI": ("SN", lambda b: (b["N"] - b["S"]) / (b["S"] + b["N"])),
    "NDTI": ("RG", lambda b: (b["R"] - b["G"]) / (b["R"] + b["G"])),
    "BI": ("SRNB", lambda b: (b["S"] + b["R"] - b["N"] - b["B"]) / (b["S"] + b["R"] + b["N"] + b["B"])),
    "EVI": ("NRB", lambda b: 2.5 * (b["N"] - b["R"]) / (b["N"] + 6 * b["R"] - 7.5 * b["B"] + 1)),
    "MSAVI": ("NR", lambda b: (2 * b["N"] + 1 - math.sqrt((2 * b["N"] + 1) ** 2 - 8 * (b["N"] - b["R"]))) / 2),
}
# Position of a letter's band in the description.
LETTERS = dict(B=0, G=1, R=2, N=3, S=4)


def statistic(name: str, values: list[float]) -> float:
    count = len(values)
    mean = math.fsum(values) / count
    if name == "mean":
        return mean
    if name == "std":
        return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / count)
    if name in ("min", "max"):
        return dict(min=min, max=max)[name](values)
    ordered, place = sorted(values), float(name[1:]) / 100 * (count - 1)
    low = math.floor(place)
    high = min(low + 1, count - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def pixel_numbers(image: torch.Tensor, config: dict) -> tuple[list[str], torch.Tensor, torch.Tensor]:
    """Names, values and validity `[batch, patches, numbers]`, pixel by pixel."""
    spectrum, statistics = config["spectrum"], config["pixels"]["statistics"]
    bands, dates, stride = spectrum["bands"], spectrum.get("dates", 1), spectrum.get("date_stride", 0)
    features = [band["name"] for band in bands if band["name"] not in ("blue", "green", "red")]
    features += config["pixels"]["indices"]["named"]
    batch, _, height, width = image.shape
    values, known = [], []
    for sample in range(batch):
        for row in range(0, height, PATCH):
            for column in range(0, width, PATCH):
                collected = {feature: [] for feature in features}
                for date in range(dates):
                    for y in range(row, row + PATCH):
                        for x in range(column, column + PATCH):
                            mask = spectrum.get("mask_channel")
                            if mask is not None and not image[sample, mask + date * stride, y, x] > 0.5:
                                continue
                            raw = [image[sample, band["channel"] + date * stride, y, x].item() for band in bands]
                            good = [math.isfinite(r) and r != band.get("nodata") for r, band in zip(raw, bands)]
                            pixel = [r * band.get("scale", 1) + band.get("offset", 0) for r, band in zip(raw, bands)]
                            for position, band in enumerate(bands):
                                if band["name"] in collected and good[position]:
                                    collected[band["name"]].append(pixel[position])
                            by_letter = {letter: pixel[position] for letter, position in LETTERS.items()}
                            for name, (needs, formula) in INDICES.items():
                                if name in collected and all(good[LETTERS[letter]] for letter in needs):
                                    collected[name].append(formula(by_letter))
                for feature in features:
                    for name in statistics:
                        values.append(statistic(name, collected[feature]) if collected[feature] else 0.0)
                        known.append(float(bool(collected[feature])))
    shape = (batch, (height // PATCH) * (width // PATCH), len(features) * len(statistics))
    names = [f"{feature}.{name}" for feature in features for name in statistics]
    return names, torch.tensor(values).reshape(shape), torch.tensor(known).reshape(shape)


def draw_adapter(config: dict, numbers: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Every trained tensor, moved away from zero, in the shapes and under the names of the file layout."""

    def normal(*shape: int) -> torch.Tensor:
        return rounded(0.3 * torch.randn(*shape, generator=generator)).requires_grad_()

    embedding, attention = config["embedding"], config["attention"]
    params = {}
    if embedding["map"]["kind"] == "linear":
        params["embedding.map.linear.weight"], params["embedding.map.linear.bias"] = normal(numbers, DIM), normal(DIM)
    else:
        hidden = embedding["map"]["hidden"]
        for layer, (inputs, outputs) in dict(hidden=(numbers, hidden), output=(hidden, DIM)).items():
            params[f"embedding.map.mlp.{layer}.weight"] = normal(inputs, outputs)
            params[f"embedding.map.mlp.{layer}.bias"] = normal(outputs)
    if embedding["prefix"] == "learned":
        params["embedding.prefix"] = normal(1, 1, DIM)
    rank, parts = attention["rank"], attention["parts"]
    for place, _ in enumerate(attention["blocks"]["list"]):
        for number in range(1 if attention["shared_down"] else len(parts)):
            params[f"attention.{place}.down.{number}"] = normal(DIM, rank)
        for number in range(len(parts)):
            params[f"attention.{place}.up.{number}"] = normal(rank, DIM)
    lora = config.get("rgb_lora")
    if lora:
        sizes = {"attn.proj": (DIM, DIM), "mlp.fc1": (DIM, HIDDEN)}
        for block in range(DEPTH):
            for number, (inputs, outputs) in enumerate(sizes.values()):
                name = f"rgb_lora.maps.{block * len(sizes) + number}"
                params[f"{name}.down"], params[f"{name}.up"] = normal(inputs, lora["rank"]), normal(lora["rank"], outputs)
    return params


class Model:
    """The backbone with the adapter, as equations."""

    def __init__(self, weights: dict, config: dict, params: dict, mean: torch.Tensor, std: torch.Tensor):
        self.w, self.config, self.p, self.mean, self.std = weights, config, params, mean, std
        self.blocks = config["attention"]["blocks"]["list"]
        self.gaps = []

    def linear(self, name: str, x: torch.Tensor, block: int | None = None) -> torch.Tensor:
        """A frozen linear map, with its low-rank update if `block` is given and it has one."""
        y = x @ self.w[name + ".weight"].T + self.w[name + ".bias"]
        lora = self.config.get("rgb_lora")
        if block is None or not lora:
            return y
        for number, target in enumerate(("attn.proj", "mlp.fc1")):
            if name.endswith(target):
                at = f"rgb_lora.maps.{2 * block + number}"
                y = y + lora["alpha"] / lora["rank"] * (x @ self.p[at + ".down"] @ self.p[at + ".up"])
        return y

    def transform(self, s: torch.Tensor) -> torch.Tensor:
        """T."""
        p = self.p
        if self.config["embedding"]["map"]["kind"] == "linear":
            return s @ p["embedding.map.linear.weight"] + p["embedding.map.linear.bias"]
        hidden = s @ p["embedding.map.mlp.hidden.weight"] + p["embedding.map.mlp.hidden.bias"]
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
        return hidden @ p["embedding.map.mlp.output.weight"] + p["embedding.map.mlp.output.bias"]

    def embed(self, image: torch.Tensor, s: torch.Tensor, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x_P and x_A."""
        batch = image.shape[0]
        rgb = image[:, :3].nan_to_num(0.0)
        patches = rgb.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH)  # batch, channel, row, column, y, x
        patches = patches.permute(0, 2, 3, 1, 4, 5).reshape(batch, -1, 3 * PATCH * PATCH)
        x = patches @ self.w["patch_embed.proj.weight"].reshape(DIM, -1).T + self.w["patch_embed.proj.bias"]
        x = torch.cat([self.w["cls_token"].expand(batch, 1, DIM), x], 1) + self.w["pos_embed"]
        a = self.transform(s)
        own, target = norms(a), norms(x[:, 1:])
        anything = known.amax(-1, keepdim=True)
        if self.config["embedding"]["norm_match"] == "per_token":
            a = a * target / own * anything
        else:
            a = a * anything
            a = a * target.mean(1, keepdim=True) / (own * anything).mean(1, keepdim=True)
        prefix = self.p.get("embedding.prefix", torch.zeros(1, 1, DIM)).expand(batch, 1, DIM)
        return x, torch.cat([prefix, a], 1)

    def attend(self, q: torch.Tensor, k: list, v: torch.Tensor, q2: torch.Tensor | None, scale: float) -> torch.Tensor:
        """Softmax over the sum of the products of every query stream with every key stream, per head."""
        batch, tokens, _ = q.shape

        def split(x: torch.Tensor) -> torch.Tensor:
            return x.reshape(batch, tokens, HEADS, DIM // HEADS).transpose(1, 2)

        logits = 0
        for queries in [q] + ([] if q2 is None else [q2]):
            for keys in k:
                logits = logits + scale * torch.einsum("bhid,bhjd->bhij", split(queries), split(keys))
        weights = logits.exp() / logits.exp().sum(-1, keepdim=True)
        return (weights @ split(v)).transpose(1, 2).reshape(batch, tokens, DIM)

    def block(self, number: int, x: torch.Tensor, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        name, attention = f"blocks.{number}.", self.config["attention"]
        z = layer_norm(x, self.w[name + "norm1.weight"], self.w[name + "norm1.bias"])
        q, k, v = self.linear(name + "attn.qkv", z).chunk(3, -1)
        head = 1 / math.sqrt(DIM // HEADS)
        if number not in self.blocks:
            displacement = self.linear(name + "attn.proj", self.attend(q, [k], v, None, head), number)
        else:
            place = self.blocks.index(number)
            stream = layer_norm(a) if attention["stream_norm"] == "unit" else a
            spectral = dict(q=torch.zeros_like(a), k=torch.zeros_like(a), v=torch.zeros_like(a))
            for index, part in enumerate(attention["parts"]):
                down = self.p[f"attention.{place}.down.{0 if attention['shared_down'] else index}"]
                spectral[part] = stream @ down @ self.p[f"attention.{place}.up.{index}"]
            scale = head / math.sqrt(2) if attention["scale"] == "two_heads" else head
            keys = [k, spectral["k"]]
            joined = self.attend(q, keys, v + spectral["v"], spectral["q"], scale)
            displacement = self.linear(name + "attn.proj", joined, number)
            frozen = self.linear(name + "attn.proj", self.attend(q, [k], v, None, head))
            deflection = self.config["deflection"]
            own, target = norms(displacement), norms(frozen)
            factor = torch.ones(1)
            if deflection["constraint"] == "per_token":
                factor = target / own
            elif deflection["constraint"] == "mean":
                factor = target.mean(1, keepdim=True) / own.mean(1, keepdim=True)
            elif deflection["constraint"] == "soft":
                self.gaps.append((own.mean() - target.mean()).abs() / own.mean())
            if deflection["detach_ratio"]:
                factor = factor.detach()
            displacement = displacement * factor
            if attention["stream"] == "updated":
                part = self.attend(q, keys, spectral["v"], spectral["q"], scale) @ self.w[name + "attn.proj.weight"].T
                a = a + part * factor
        x = x + displacement
        z = layer_norm(x, self.w[name + "norm2.weight"], self.w[name + "norm2.bias"])
        hidden = self.linear(name + "mlp.fc1", z, number)
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
        x = x + self.linear(name + "mlp.fc2", hidden, number)
        if number in self.blocks:
            x = x + attention["reinject"] * a
        return x, a


def cases() -> dict[str, dict]:
    """Configurations, every key stated; together they take every option once."""
    scaled = dict(scale=1e-4, offset=-0.1)
    optical = [("blue", 490.0), ("green", 560.0), ("red", 665.0), ("nir", 842.0), ("swir", 1610.0)]
    bands = [dict(name=name, channel=3 + c, wavelength_nm=nm, **scaled) for c, (name, nm) in enumerate(optical)]
    bands.append(dict(name="vv", channel=8, optical=False))

    def case(**changes: dict) -> dict:
        config = dict(
            spectrum=dict(bands=[dict(band) for band in bands]),
            pixels=dict(
                indices=dict(named=["NDVI", "NDWI", "MNDWI", "NDBI", "NDMI", "NDTI", "BI", "EVI"]),
                statistics=["mean", "std"],
            ),
            embedding=dict(map=dict(kind="linear"), inject=1.0, norm_match="per_token", prefix="zero"),
            attention=dict(
                blocks=dict(list=[0, 1]), rank=4, parts=["q", "k", "v"], shared_down=False, scale="head",
                stream_norm="none", stream="fixed", reinject=0.0,
            ),
            deflection=dict(constraint="per_token", detach_ratio=False),
        )
        for section, values in changes.items():
            config[section] = config.get(section, {}) | values
        return config

    dated = case(
        pixels=dict(indices=dict(named=["NDVI", "MSAVI"]), statistics=["min", "max", "q25", "q90"]),
        embedding=dict(map=dict(kind="mlp", hidden=7), inject=0.3, norm_match="mean", prefix="learned"),
        attention=dict(
            blocks=dict(list=[0, 2]), rank=3, shared_down=True, scale="two_heads", stream_norm="unit", stream="updated",
            reinject=0.5,
        ),
        deflection=dict(constraint="mean"),
    )
    dated["spectrum"] |= dict(dates=2, date_stride=7, mask_channel=9)
    dated["spectrum"]["bands"][3]["nodata"] = -1.0
    return dict(
        defaults=case(),
        options=dated,
        soft=case(
            attention=dict(parts=["q", "k"]),
            deflection=dict(constraint="soft"),
            rgb_lora=dict(rank=2, alpha=3.0, targets=["attn.proj", "fc1"]),
        ),
        detached=case(deflection=dict(detach_ratio=True)),
    )


def draw_image(config: dict, generator: torch.Generator) -> torch.Tensor:
    """Normalised RGB, then per date five bands of digital numbers and radar, and the mask; some pixels are bad."""
    dates = config["spectrum"].get("dates", 1)
    image = torch.randn(2, 3 + 7 * dates, SIDE, SIDE, generator=generator)
    for date in range(dates):
        for band, (low, high) in enumerate([(0.03, 0.1), (0.05, 0.15), (0.03, 0.3), (0.15, 0.5), (0.1, 0.4)]):
            share = torch.rand(2, SIDE, SIDE, generator=generator)
            # Patches differ from each other, as they do in images.
            share = 0.5 * share + 0.5 * torch.rand(2, 2, 2, generator=generator).repeat_interleave(4, 1).repeat_interleave(4, 2)
            image[:, 3 + 7 * date + band] = ((low + (high - low) * share + 0.1) * 1e4).round()
        image[:, 9 + 7 * date] = (torch.rand(2, SIDE, SIDE, generator=generator) > 0.2).double()
    # One bad pixel in RGB and in a band, a whole patch without near infrared, a patch without any valid pixel.
    image[0, 1, 2, 2] = math.nan
    image[0, 6, 3, 1] = math.nan
    image[1, 6, :4, :4] = math.inf
    image[1, 3:9, 4:, 4:] = math.nan
    if dates == 2:
        image[0, 13, 5, 6] = -1.0
        image[1, 13, :4, :4] = -1.0
        image[1, 16, 4:, 4:] = 0.0
    return rounded(image)


def main() -> None:
    generator = torch.Generator().manual_seed(12)
    versions = dict(torch=torch.__version__, safetensors=safetensors.__version__)
    weights = tiny_vit(generator)
    save(HERE / "base.safetensors", weights, versions)
    for name, config in cases().items():
        image = draw_image(config, generator)
        numbers, values, known = pixel_numbers(image, config)
        mean, std = [], []
        for column in range(len(numbers)):
            sample = values[..., column][known[..., column] > 0.5]
            mean.append(sample.mean())
            std.append((sample - sample.mean()).pow(2).mean().sqrt())
        mean, std = rounded(torch.stack(mean)), rounded(torch.stack(std))
        params = draw_adapter(config, len(numbers), generator)
        model = Model(weights, config, params, mean, std)
        s = ((values - mean) / std).clamp(-5, 5) * known
        x_p, a = model.embed(image, s, known)
        results = dict(image=image, numbers=values, known=known, standardised=s, stream=a, pretrained=x_p)
        x = x_p + config["embedding"]["inject"] * a
        results["tokens"] = x
        for block in range(DEPTH):
            x, a = model.block(block, x, a)
            results[f"block.{block}"] = x
        output = layer_norm(x, weights["norm.weight"], weights["norm.bias"])
        probe = rounded(torch.randn(output.shape, generator=generator))
        loss = (output * probe).sum()
        if model.gaps:
            results["norm_loss"] = torch.stack(model.gaps).mean().reshape(1)
            loss = loss + results["norm_loss"].sum()
        gradients = torch.autograd.grad(loss, list(params.values()))
        results |= dict(output=output, probe=probe, loss=loss.reshape(1))
        results |= {f"grad.{key}": gradient for key, gradient in zip(params, gradients)}
        save(HERE / f"{name}_golden.safetensors", results, versions)
        layout = {
            "rs_peft.adapter": "deflect",
            "rs_peft.layout": "1",
            "rs_peft.config": json.dumps(config),
            "rs_peft.numbers": json.dumps(numbers),
        }
        save(HERE / f"{name}.safetensors", params | {"standardisation.mean": mean, "standardisation.std": std}, layout)
        print(name, tuple(s.shape), f"unknown {int((known < 0.5).sum())}", f"loss {loss.item():.4f}")


def save(path: pathlib.Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    single = {name: tensor.detach().float().contiguous() for name, tensor in tensors.items()}
    safetensors.torch.save_file(single, path, metadata)


if __name__ == "__main__":
    main()
