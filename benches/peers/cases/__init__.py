"""The peers by name; each makes a function that runs one round. Modules are imported when a case of theirs is asked for."""

import importlib


def later(module, function):
    """The function of a module of this package, imported when it is called."""

    def start(args):
        return getattr(importlib.import_module(f"cases.{module}"), function)(args)

    return start


CASES = {
    "vit_inference": later("transformer", "inference"),
    "lora_step": later("transformer", "lora_step"),
    "adaptation": later("transformer", "adaptation"),
    "small_features": later("transformer", "features"),
    "mae_step": later("pretraining", "mae_step"),
    "k_means": later("clusters", "k_means"),
    "k_means_constrained": later("clusters", "constrained"),
    "k_means_mini_batch": later("clusters", "mini_batch"),
    "dbscan": later("clusters", "dbscan"),
    "hdbscan": later("clusters", "hdbscan"),
    "geotiff": later("images", "geotiff"),
    "jpeg": later("images", "jpeg"),
    "load_checkpoint": later("checkpoint", "loading"),
    "load_unhashed": later("checkpoint", "loading"),
}
