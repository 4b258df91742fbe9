"""Writes rasterize.json: polygons and the pixels that rasterio.features.rasterize gives them.

Run: python export_rasterize.py   (rasterio and numpy as pinned in ../requirements.txt)
"""

import json
import pathlib

import numpy as np
import rasterio
from rasterio.features import rasterize
from rasterio.transform import Affine

HEIGHT, WIDTH = 23, 31
TRANSFORM = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 4_600_000.0)


def ground(ring):
    return [list(TRANSFORM * (x, y)) for x, y in ring]


def polygon(*rings):
    return {"type": "Polygon", "coordinates": [ground(ring) for ring in rings]}


def star(x, y, outer, inner, points, turn):
    angles = turn + np.arange(2 * points) * np.pi / points
    radius = np.where(np.arange(2 * points) % 2 == 0, outer, inner)
    ring = [(x + r * np.cos(a), y + r * np.sin(a)) for a, r in zip(angles, radius)]
    return ring + ring[:1]


def box(x0, y0, x1, y1, reverse=False):
    ring = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    return ring[::-1] if reverse else ring


square = box(3, 4, 20, 15)
cases = {
    "square": [polygon(square)],
    "edges through centres": [polygon(box(2.5, 3.5, 9.5, 8.5))],
    "edges through centres, other way round": [polygon(box(2.5, 3.5, 9.5, 8.5, True))],
    "neighbours": [polygon(box(0, 0, 7.5, 9.25)), polygon(box(7.5, 0, 15, 9.25)), polygon(box(0, 9.25, 15, 20))],
    "hole": [polygon(square, box(6.2, 7.1, 12.9, 11.6, True))],
    "hole drawn the same way": [polygon(square, box(6.2, 7.1, 12.9, 11.6))],
    "star": [polygon(star(15, 11, 10.3, 4.1, 7, 0.3))],
    "bow tie": [polygon([(3, 3), (25, 18), (25, 3), (3, 18), (3, 3)])],
    "beyond the edges": [polygon(star(0, 0, 12, 6, 5, 0.1)), polygon(star(31, 23, 14, 5, 9, 1.0))],
    "everything": [polygon(box(-100, -100, 100, 100))],
    "outside": [polygon(box(40, 2, 50, 9))],
    "sliver": [polygon([(1.2, 1.1), (29.7, 20.3), (29.7, 20.6), (1.2, 1.1)])],
    "within a pixel": [polygon(box(5.1, 5.1, 5.4, 5.4)), polygon(box(8.4, 8.4, 8.6, 8.6))],
    "one over the other": [polygon(star(12, 10, 9, 5, 6, 0.2)), polygon(star(18, 12, 9, 5, 6, 0.7))],
    "several parts": [
        {
            "type": "MultiPolygon",
            "coordinates": [polygon(box(1, 1, 9, 8))["coordinates"], polygon(box(5, 5, 20, 20), box(8, 8, 12, 12))["coordinates"]],
        }
    ],
}

out = {"versions": {"rasterio": rasterio.__version__, "gdal": rasterio.__gdal_version__}, "height": HEIGHT, "width": WIDTH}
out["transform"] = list(TRANSFORM.to_gdal())
out["cases"] = []
for name, shapes in cases.items():
    burnt = rasterize(
        [(shape, at + 1) for at, shape in enumerate(shapes)], out_shape=(HEIGHT, WIDTH), transform=TRANSFORM, dtype="uint8"
    )
    rows = ["".join(map(str, row)) for row in burnt]
    out["cases"].append({"name": name, "shapes": shapes, "rows": rows})

folder = pathlib.Path(__file__).parent
(folder / "rasterize.json").write_text(json.dumps(out, indent=1) + "\n")
