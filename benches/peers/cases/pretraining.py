"""The masked autoencoder of the small ViT in PyTorch, that of `mae_pretrain.py`."""

import importlib.util
import pathlib

import torch


def mae_step(args):
    torch.set_num_threads(args.threads)
    path = pathlib.Path(__file__).resolve().parent.parent / "mae_pretrain.py"
    spec = importlib.util.spec_from_file_location("mae_pretrain", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.Mae()
    batch = 4 if args.small else 128
    images = torch.randn(batch, 3, 64, 64)
    order = torch.rand(batch, 64).argsort(1)
    keep, restore = order[:, :16], order.argsort(1)

    def one():
        loss = model(images, keep, restore)
        model.zero_grad(set_to_none=True)
        loss.backward()
        return loss.item()

    return one
