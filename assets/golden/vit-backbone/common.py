"""What the exporters of this folder share: fixed random tensors, versions, and writing with metadata."""

import json
import platform

import safetensors
import timm
import torch
import transformers
from safetensors.torch import save_file

VERSIONS = {
    "python": platform.python_version(),
    "torch": torch.__version__.split("+")[0],
    "timm": timm.__version__,
    "transformers": transformers.__version__,
    "safetensors": safetensors.__version__,
}


def fill(module, seed, scale=0.3):
    """Gives every parameter random values, biases and norms too, so that nothing hides behind a zero or a one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator) * scale
            parameter.copy_(noise + (1.0 if "norm" in name and name.endswith("weight") else 0.0))


def random(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def write(path, tensors, **metadata):
    texts = {key: json.dumps(value) for key, value in metadata.items()} | {"versions": json.dumps(VERSIONS)}
    save_file({name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}, path, metadata=texts)
    print(path, VERSIONS)
