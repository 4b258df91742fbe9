"""Writes geometry.json: overlaps, minimum rectangles, angle conventions, NMS and tiles of published implementations.

    pip install -r assets/golden/requirements.txt && pip install --no-deps mmrotate==0.3.4 mmdet==2.28.2
    python assets/golden/oriented-boxes/export_geometry.py

- `overlaps`: pairs of quadrilaterals, the development kit's polyiou and shapely's intersection and union.
- `rectangles`: point sets, area of shapely's minimum rotated rectangle and of cv2.minAreaRect (float32).
- `conventions`: mmrotate's `poly2obb_np` and `obb2poly_np` under oc, le90, le135 (float32 inside).
- `nms`: the development kit's `py_cpu_nms_poly_fast` at several thresholds.
- `tiles`: objects cut by tiles as the kit's ImgSplit does it: the remaining share, the label that is written.
"""

import json
import pathlib

import cv2
import numpy as np
import shapely
from devkit import Kit, corners, mmrotate

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20)


def box(spread=60.0, low=2.0, high=50.0):
    x, y = rng.uniform(0, spread, 2)
    w, h = rng.uniform(low, high, 2)
    return x, y, w, h, rng.uniform(-np.pi, np.pi)


def flat(points):
    return [float(v) for p in points for v in p]


def simple_quads(n):
    """Boxes, boxes with moved corners (convex or concave), integer corners, far-away boxes."""
    quads = []
    while len(quads) < n:
        kind = len(quads) % 5
        points = np.array(corners(*box()))
        if kind in (1, 2):
            points += rng.normal(0, 6.0 if kind == 1 else 14.0, points.shape)
        if kind == 3:
            points = np.round(points)
        if kind == 4:
            points = points[::-1] + 30_000.0
        polygon = shapely.Polygon(points)
        if polygon.is_valid and polygon.area > 1.0:
            quads.append(flat(points))
    return quads


def overlaps(kit):
    a, b = simple_quads(120), simple_quads(120)
    # Neighbours that share sides or corners, and one inside another.
    square = [0, 0, 4, 0, 4, 4, 0, 4]
    a += [square] * 5
    b += [
        square,
        [4, 0, 8, 0, 8, 4, 4, 4],
        [4, 4, 8, 4, 8, 8, 4, 8],
        [1, 1, 2, 1, 2, 2, 1, 2],
        [2, 0, 4, 2, 2, 4, 0, 2],
    ]
    rows = []
    for p, q in zip(a, b):
        P, Q = (shapely.Polygon(np.reshape(v, (4, 2))) for v in (p, q))
        common, union = P.intersection(Q).area, P.union(Q).area
        rows.append({"a": p, "b": q, "polyiou": kit.iou(p, q), "shapely": common / union, "common": common})
    return rows


def rectangles():
    rows = []
    for n in (3, 4, 4, 5, 8, 20, 60):
        for _ in range(4):
            points = rng.normal(0, 30, (n, 2)) * [1, rng.uniform(0.1, 1)] + rng.uniform(-100, 100, 2)
            area = shapely.minimum_rotated_rectangle(shapely.MultiPoint(points)).area
            (_, (w, h), _) = cv2.minAreaRect(points.astype(np.float32))
            rows.append({"points": flat(points), "shapely": area, "opencv": w * h})
    return rows


def conventions(transforms):
    rows = []
    angles = [k * np.pi / 4 for k in range(-4, 5)] + list(rng.uniform(-np.pi, np.pi, 40))
    for angle in angles:
        x, y, w, h, _ = box(low=4.0)
        points = flat(corners(x, y, w, h, angle))
        row = {"quad": points}
        for name in ("oc", "le90", "le135"):
            found = transforms.poly2obb_np(np.array(points, dtype=np.float32), name)
            row[name] = [float(v) for v in found]
            back = transforms.obb2poly_np(np.array([[*row[name], 0.5]]), name)
            row[name + "_corners"] = [float(v) for v in back[0][:8]]
        rows.append(row)
    return rows


def nms(kit):
    rows = []
    for n, spread in ((1, 60), (12, 60), (80, 150)):
        dets = np.array([flat(corners(*box(spread, 8, 40))) + [s] for s in rng.permutation(n) / n + 0.01])
        for threshold in (0.05, 0.1, 0.3, 0.5):
            kept = kit.merge.py_cpu_nms_poly_fast(dets.copy(), threshold)
            rows.append({"detections": dets.tolist(), "threshold": threshold, "kept": [int(k) for k in kept]})
    return rows


def tiles(kit):
    """Calls the kit's own share and 5-to-4 reduction and repeats the few lines around them that decide what is written."""
    split = kit.split.splitbase(str(kit.folder), str(kit.folder / "out"))
    left, up, right, down = 100, 50, 164, 114
    window = shapely.box(left, up, right, down)
    rows = []
    for k in range(160):
        x, y = rng.uniform([90, 40], [174, 124])
        points = np.array(corners(x, y, *rng.uniform(6, 50, 2), rng.uniform(-np.pi, np.pi)))
        quad = [int(v) for v in flat(points)]
        polygon = shapely.Polygon(np.reshape(quad, (4, 2)))
        if not polygon.is_valid or polygon.area <= 0:
            continue
        piece, share = split.calchalf_iou(polygon, window)
        row = {"quad": quad, "difficult": k % 2, "share": share, "corners": None}
        if share == 1:
            row["corners"] = quad
        elif share > 0:
            ring = list(shapely.geometry.polygon.orient(piece, sign=1).exterior.coords)[:-1]
            out = flat(ring)
            if len(ring) == 5:
                out = split.GetPoly4FromPoly5(out)
            if 4 <= len(ring) <= 5:
                out = kit.split.choose_best_pointorder_fit_another(out, quad)
                row["corners"] = [float(v) for v in out]
        if row["corners"] is not None:
            row["label"] = row["difficult"] if share > split.thresh else 2
        rows.append(row)
    return {"window": [left, up, right, down], "rows": rows}


kit = Kit()
_, transforms = mmrotate()
golden = {
    "versions": {"shapely": shapely.__version__, "opencv": cv2.__version__, "numpy": np.__version__, "mmrotate": "0.3.4"},
    "overlaps": overlaps(kit),
    "rectangles": rectangles(),
    "conventions": conventions(transforms),
    "nms": nms(kit),
    "tiles": tiles(kit),
}
(HERE / "geometry.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
print({name: len(rows) for name, rows in golden.items()})
