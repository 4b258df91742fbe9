"""Writes resize.json: what torchvision's resize(antialias=True) makes of a small float image, and of a mask.

Run: python export_resize.py   (torch and torchvision; their versions are written into the file)
"""

import json
import pathlib

import torch
import torchvision
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize_image

generator = torch.Generator().manual_seed(0)
image = (torch.rand(2, 17, 13, generator=generator) * 3000 - 200).round(decimals=2)
mask = torch.randint(-1, 12, (1, 17, 13), generator=generator)


def flat(tensor):
    # Nine digits are enough for every f32.
    return [float(f"{value:.9g}") for value in tensor.flatten().tolist()]


cases = []
for name, mode in [("bilinear", InterpolationMode.BILINEAR), ("bicubic", InterpolationMode.BICUBIC)]:
    for size in [(8, 8), (31, 24), (5, 21), (17, 6), (1, 1)]:
        result = resize_image(image, list(size), interpolation=mode, antialias=True)
        cases.append({"interpolation": name, "size": size, "values": flat(result)})
nearest = []
for size in [(8, 8), (31, 24), (5, 21), (34, 26)]:
    result = resize_image(mask, list(size), interpolation=InterpolationMode.NEAREST_EXACT)
    nearest.append({"size": size, "values": result.flatten().tolist()})

document = {
    "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__},
    "shape": list(image.shape),
    "image": flat(image),
    "mask": mask.flatten().tolist(),
    "cases": cases,
    "nearest": nearest,
}
target = pathlib.Path(__file__).with_name("resize.json")
target.write_text(json.dumps(document, separators=(",", ":")) + "\n")
print(target.name, target.stat().st_size, "bytes")
