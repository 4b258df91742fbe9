"""rasterio and Pillow on the files that the case has listed."""

import pathlib
import warnings

import numpy as np


def paths(args, name):
    return (pathlib.Path(args.folder) / name).read_text().splitlines()


def geotiff(args):
    import rasterio

    warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)
    files = paths(args, "geotiff.txt")
    bands = np.arange(13, dtype=np.float32)[:, None, None]
    mean, deviation = 1000 + 10 * bands, 500 + bands

    def one():
        total, count = 0.0, 0
        for file in files:
            with rasterio.open(file) as image:
                values = (image.read().astype(np.float32) - mean) / deviation
            total += values.sum(dtype=np.float64)
            count += values.size
        return total / count

    return one


def jpeg(args):
    from PIL import Image

    files = paths(args, "jpeg.txt")

    def one():
        total, count = 0.0, 0
        for file in files:
            with Image.open(file) as image:
                values = np.asarray(image.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)).astype(np.float32)
            total += values.sum(dtype=np.float64)
            count += values.size
        return total / count

    return one
