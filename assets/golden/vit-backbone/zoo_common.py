"""What the exporters of the zoo share: random weights, one golden per model, and the containers of published files."""

import os

import torch
import torchgeo
from torchgeo.models.scale_mae import get_2d_sincos_pos_embed_with_resolution

from common import VERSIONS, random, write

VERSIONS["torchgeo"] = torchgeo.__version__


def fill(module, seed, scale=0.3):
    """Gives every trainable parameter random values; gains of norms lie around one. Frozen tables stay as they are."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator) * scale
            gain = name.endswith("weight") and parameter.dim() == 1
            if parameter.requires_grad:
                parameter.copy_(noise + (1.0 if gain else 0.0))


def sin_cos(dim, side):
    """MAE's fixed table with a zero row for the class token, `[1, 1 + side * side, dim]`: torchgeo's function at resolution one."""
    return get_2d_sincos_pos_embed_with_resolution(dim, side, torch.ones(1), cls_token=True)


def stages(model, embed, blocks, run):
    """Runs the model and keeps the input of its first block and the output of every block."""
    tokens, hooks = {}, []

    def keep(key):
        return lambda _module, _inputs, output: tokens.update({key: output})

    hooks.append(embed.register_forward_hook(keep("embed")))
    for index, block in enumerate(blocks):
        hooks.append(block.register_forward_hook(keep(f"block.{index}")))
    result = run(model)
    for hook in hooks:
        hook.remove()
    return tokens, result


def golden(name, model, image, weights, config, gradients, *, run=None, embed=None, blocks=None, feature=None, **more):
    """Writes `zoo_{name}_golden.safetensors`.

    `gradients` maps a name of timm's to a function that takes the gradient out of the model; `feature` maps the final
    tokens to the model's own pooled output, if it has one.
    """
    model.zero_grad()
    image = image.clone().requires_grad_()
    run = run or (lambda m: m.forward_features(image))
    tokens, final = stages(model, embed or model.norm_pre, blocks or model.blocks,
                           lambda m: run(m) if run.__code__.co_argcount == 1 else run(m, image))
    # Every term of the loss is positive: a sum that cancels would show rounding a hundred times enlarged.
    probe = random(final.shape, 91).abs()
    loss = (final.pow(2) * probe).sum()
    tensors = {"image": image, "probe": probe, "final": final} | tokens
    if feature is not None:
        pooled = feature(final)
        pooled_probe = random(pooled.shape, 92).abs()
        loss = loss + (pooled.pow(2) * pooled_probe).sum()
        tensors |= {"feature": pooled, "feature_probe": pooled_probe}
    loss.backward()
    tensors |= {"loss": loss.reshape(1), "grad.image": image.grad}
    tensors |= {f"grad.{key}": take() for key, take in gradients.items()}
    path = f"zoo_{name}_golden.safetensors"
    write(path, tensors, config=config, weights=weights, **more)
    for written in (path, weights):
        os.chmod(written, 0o644)


def of(model, *names):
    """Gradients of parameters that have timm's names."""
    parameters = dict(model.named_parameters())
    return {name: (lambda p=parameters[name]: p.grad) for name in names}
