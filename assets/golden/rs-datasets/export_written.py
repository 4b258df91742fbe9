"""Writes written.json: what GDAL reads from the files in written/, which the test `the_files_for_gdal` of rs-datasets wrote.

Run: python export_written.py   (rasterio and numpy as pinned in ../requirements.txt)
"""

import json
import pathlib

import numpy as np
import rasterio

folder = pathlib.Path(__file__).parent
out = {"versions": {"rasterio": rasterio.__version__, "gdal": rasterio.__gdal_version__}}
for path in sorted((folder / "written").glob("*.tif")):
    with rasterio.open(path) as file:
        values = file.read()
        nodata = file.nodata
        entry = {
            "shape": list(values.shape),
            "dtype": file.dtypes[0],
            "compress": file.compression.value.lower(),
            "tile": list(file.block_shapes[0]),
            "interleave": file.interleaving.value,
            "predictor": file.tags(ns="IMAGE_STRUCTURE").get("PREDICTOR"),
            "nodata": "nan" if nodata is not None and np.isnan(nodata) else nodata,
            "epsg": file.crs.to_epsg(),
            "transform": list(file.transform.to_gdal()),
            "sums": [float(band.astype("f8").sum()) for band in values],
            "last": [float(band[-1, -1]) for band in values],
            "descriptions": list(file.descriptions),
            "tags": file.tags(),
        }
        if file.count == 1:
            entry["colours"] = [list(file.colormap(1)[value][:3]) for value in range(4)]
        out[path.stem] = entry
(folder / "written.json").write_text(json.dumps(out, indent=1) + "\n")
