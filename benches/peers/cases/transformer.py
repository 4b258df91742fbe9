"""Vision transformers of timm, with LoRA of peft."""

import torch
from timm.models.vision_transformer import VisionTransformer


def forward(args, model, batch, side):
    torch.set_num_threads(args.threads)
    model = model.eval()
    images = torch.randn(batch, 3, side, side)

    def one():
        with torch.inference_mode():
            return model.forward_features(images)[:, 1:].mean(1).abs().sum().item()

    return one


def inference(args):
    depth, batch = (2, 2) if args.small else (12, 8)
    return forward(args, VisionTransformer(depth=depth, num_classes=0), batch, 224)


def features(args):
    model = VisionTransformer(img_size=64, patch_size=8, embed_dim=192, depth=8, num_heads=3, num_classes=0)
    return forward(args, model, 4 if args.small else 256, 64)


def lora_step(args):
    from peft import LoraConfig, get_peft_model

    torch.set_num_threads(args.threads)
    depth, batch = (2, 2) if args.small else (12, 8)
    base = VisionTransformer(depth=depth, num_classes=10, global_pool="avg")
    config = LoraConfig(r=8, lora_alpha=8, target_modules=["qkv"], modules_to_save=["head"])
    model = get_peft_model(base, config).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    images = torch.randn(batch, 3, 224, 224)
    labels = torch.arange(batch) % 10

    def one():
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return one


def adaptation(args):
    """Twenty epochs over 16 images; peft has no cache of what the frozen blocks make of them."""
    from peft import LoraConfig, get_peft_model

    torch.set_num_threads(args.threads)
    depth, count, epochs, last = (2, 8, 2, 1) if args.small else (12, 16, 20, 4)
    images = torch.randn(count, 3, 224, 224)
    labels = torch.arange(count) % 10
    layers = list(range(depth - last, depth))

    def one():
        base = VisionTransformer(depth=depth, num_classes=10, global_pool="avg")
        config = LoraConfig(r=8, lora_alpha=8, target_modules=["qkv"], layers_to_transform=layers, layers_pattern="blocks", modules_to_save=["head"])
        model = get_peft_model(base, config).train()
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
        for _ in range(epochs):
            for at in range(0, count, 8):
                loss = torch.nn.functional.cross_entropy(model(images[at : at + 8]), labels[at : at + 8])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
        return loss.item()

    return one
