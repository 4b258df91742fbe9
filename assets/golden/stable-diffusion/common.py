"""What the exporters of this folder share: the tiny model's parts, random tensors, versions, and writing with metadata."""

import json
import platform
from pathlib import Path

import diffusers
import peft
import safetensors
import torch
import transformers
from safetensors.torch import save_file

ROOT = Path(__file__).parent
TINY = ROOT / "tiny"
# Sums in the same order on every machine.
torch.set_num_threads(1)

VERSIONS = {
    "python": platform.python_version(),
    "torch": torch.__version__.split("+")[0],
    "diffusers": diffusers.__version__,
    "transformers": transformers.__version__,
    "peft": peft.__version__,
    "safetensors": safetensors.__version__,
}


def fill(module, seed, half):
    """Random values for every parameter, exact in half precision if asked for.

    Weights have the deviation 0.7 / sqrt(inputs): PyTorch's gradients in single precision are then within 3e-6 of those in double. With
    1 / sqrt(inputs) they are off by up to 2e-5, and nothing could be compared at 1e-5.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() > 1:
                noise = noise * 0.7 * parameter[0].numel() ** -0.5
            else:
                noise = noise * 0.2
            if "norm" in name and name.endswith("weight"):
                noise = noise + 1.0
            parameter.copy_(noise.half().float() if half else noise)
    return module.eval()


def random(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def write(path, tensors, **metadata):
    texts = {key: json.dumps(value) for key, value in metadata.items()} | {"versions": json.dumps(VERSIONS)}
    save_file({name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}, path, metadata=texts)
    print(path)
