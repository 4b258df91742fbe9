"""Writes `tiny/`: a Stable Diffusion of a few thousand weights in the layout that diffusers saves, with SD v1.5's block types.

The U-Net is stored in half precision under the name of the variant `fp16`, the VAE as a pickle with the attention names of
2022, the text encoder with the prefix and the buffer of published files.
"""

import json
import shutil

import torch
from common import TINY, fill
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

CORPUS = """a satellite image of a harbor with ships and a bridge . an aerial photo of small vehicles and large vehicles , storage tanks ,
tennis courts , swimming pools , roundabouts and a helicopter in 2024 . it 's the photo of a plane ; they 're planes on a runway !
ein kleines flugzeug über einem großen fluss , une rivière près de la forêt"""


def vocabulary(merges_wanted):
    """Byte-pair merges learned on a few lines, in the order of CLIP's vocabulary: bytes, bytes that end a word, merges, specials."""
    alphabet = list(bytes_to_unicode().values())
    table = bytes_to_unicode()
    words = []
    for word in CORPUS.lower().split():
        units = [table[byte] for byte in word.encode()]
        words.append(units[:-1] + [units[-1] + "</w>"])
    merges = []
    while len(merges) < merges_wanted:
        counts = {}
        for word in words:
            for pair in zip(word, word[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        best = max(sorted(counts), key=lambda pair: counts[pair])
        merges.append(best)
        for word in words:
            at = 0
            while at + 1 < len(word):
                if (word[at], word[at + 1]) == best:
                    word[at : at + 2] = [best[0] + best[1]]
                at += 1
    tokens = alphabet + [unit + "</w>" for unit in alphabet] + ["".join(pair) for pair in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    assert len(set(tokens)) == len(tokens)
    return {token: number for number, token in enumerate(tokens)}, merges


def main():
    shutil.rmtree(TINY, ignore_errors=True)
    (TINY / "tokenizer").mkdir(parents=True)
    vocab, merges = vocabulary(60)
    (TINY / "tokenizer/vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (TINY / "tokenizer/merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    config = special | {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    (TINY / "tokenizer/tokenizer_config.json").write_text(json.dumps(config, indent=2))
    (TINY / "tokenizer/special_tokens_map.json").write_text(json.dumps(special, indent=2))
    tokenizer = CLIPTokenizer.from_pretrained(TINY / "tokenizer")

    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(vocab),
            hidden_size=12,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=77,
            hidden_act="quick_gelu",
            projection_dim=12,
            bos_token_id=len(vocab) - 2,
            eos_token_id=len(vocab) - 1,
        )
    )
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        cross_attention_dim=12,
        block_out_channels=(4, 8, 12, 12),
        layers_per_block=2,
        attention_head_dim=2,
        norm_num_groups=2,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 8, 8, 8),
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=128,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    fill(text, 1, half=False), fill(unet, 2, half=True), fill(vae, 3, half=False)
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    saved = TINY.parent / "saved"
    pipeline.save_pretrained(saved)
    for name in ["model_index.json", "scheduler/scheduler_config.json", "unet/config.json", "vae/config.json", "text_encoder/config.json"]:
        (TINY / name).parent.mkdir(exist_ok=True)
        shutil.copy(saved / name, TINY / name)

    unet.half().save_pretrained(saved / "half", variant="fp16")
    name = "diffusion_pytorch_model.fp16.safetensors"
    shutil.copy(saved / "half" / name, TINY / "unet" / name)

    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    state = {}
    for key, value in load_file(saved / "vae/diffusion_pytorch_model.safetensors").items():
        for new, name in old.items():
            key = key.replace(f"attentions.0.{new}.", f"attentions.0.{name}.")
        state[key] = value
    torch.save(state, TINY / "vae/diffusion_pytorch_model.bin")

    state = load_file(saved / "text_encoder/model.safetensors")
    state = {key if key.startswith("text_model.") else f"text_model.{key}": value for key, value in state.items()}
    state["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(state, TINY / "text_encoder/model.safetensors", metadata={"format": "pt"})
    shutil.rmtree(saved)


main()
