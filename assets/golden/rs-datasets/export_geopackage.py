"""Writes labels.gpkg: two layers of polygons with a class, as GDAL writes them.

Run: python export_geopackage.py   (pyogrio, shapely and numpy as pinned in ../requirements.txt)
"""

import pathlib

import numpy as np
import pyogrio.raw
import shapely

path = pathlib.Path(__file__).with_name("labels.gpkg")
path.unlink(missing_ok=True)


# The time of writing stands in the file.
pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2026-01-01T00:00:00.000Z"})


def write(layer, shapes, fields, crs, **options):
    columns = {name: np.array(values, dtype=object if isinstance(values[0], str) else None) for name, values in fields.items()}
    pyogrio.raw.write(
        str(path),
        np.array([shapely.to_wkb(shape) for shape in shapes], dtype=object),
        list(columns.values()),
        list(columns),
        geometry_type="Unknown",
        crs=crs,
        layer=layer,
        driver="GPKG",
        append=path.exists(),
        layer_options={"SPATIAL_INDEX": "NO"},
        **options,
    )


box = shapely.box(500_030.0, 4_599_850.0, 500_200.0, 4_599_960.0)
hole = shapely.Polygon(box.exterior.coords, [shapely.box(500_062.0, 4_599_884.0, 500_129.0, 4_599_929.0).exterior.coords])
parts = shapely.MultiPolygon([shapely.box(500_210.0, 4_599_800.0, 500_250.0, 4_599_900.0), shapely.box(500_260.0, 4_599_800.0, 500_290.0, 4_599_900.0)])
high = shapely.force_3d(shapely.box(500_000.0, 4_599_990.0, 500_020.0, 4_600_000.0), 7.5)
write("fields", [hole, parts, high], {"crop": ["maize", "wheat", "maize"], "year": [2019, 2020, 2021]}, "EPSG:32635")
write("world", [shapely.box(27.0, 41.5, 27.1, 41.6)], {"crop": ["maize"]}, "EPSG:4326")
