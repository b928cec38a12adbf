"""Makes the data sets beside this file of tests/pictures, with the libraries that people make theirs with.

    pip install datasets webdataset polars pandas pillow numpy && python make.py
"""
import io
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import polars as pl
import webdataset as wds
from PIL import Image

HERE = Path(__file__).parent
PICTURES = HERE.parent / "pictures"
CLASSES = sorted(folder.name for folder in (PICTURES / "train").iterdir())
SIDES = {side: sorted((PICTURES / side).glob("*/*.png")) for side in ("train", "val")}


def label(path):
    return CLASSES.index(path.parent.name)


def small(path, side=16):
    return np.asarray(Image.open(path).convert("RGB").resize((side, side)))


# WebDataset: shards of .png and .cls.
(HERE / "shards").mkdir(exist_ok=True)
for side, paths in SIDES.items():
    with wds.ShardWriter(str(HERE / "shards" / f"{side}-%06d.tar"), maxcount=8, verbose=0) as writer:
        for path in paths:
            writer.write({"__key__": f"{path.parent.name}_{path.stem}", "png": path.read_bytes(), "cls": label(path)})
(HERE / "shards" / "classnames.txt").write_text("\n".join(CLASSES) + "\n")

# datasets, as the hub has them: {bytes, path} and a ClassLabel, a file a split.
(HERE / "hub" / "data").mkdir(parents=True, exist_ok=True)
features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=CLASSES)})
for side, name in (("train", "train"), ("val", "validation")):
    rows = {"image": [{"bytes": path.read_bytes(), "path": path.name} for path in SIDES[side]], "label": [label(path) for path in SIDES[side]]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(HERE / "hub" / "data" / f"{name}-00000-of-00001.parquet")

# Several labels a picture, as a list of ClassLabels.
several = datasets.Features({"image": datasets.Image(), "labels": datasets.Sequence(datasets.ClassLabel(names=["red", "green", "blue"]))})
colors = [[0], [0, 2], [], [1]]
rows = {"image": [{"bytes": path.read_bytes(), "path": None} for path in SIDES["train"][:4]], "labels": colors}
datasets.Dataset.from_dict(rows, features=several).to_parquet(HERE / "several.parquet")

# polars: bytes and texts, packed by zstd.
frame = {"picture": [path.read_bytes() for path in SIDES["val"]], "species": [path.parent.name for path in SIDES["val"]]}
pl.DataFrame(frame).write_parquet(HERE / "polars.parquet", compression="zstd")

# NumPy: as Keras has MNIST, packed, and as MedMNIST has its sets, with columns of labels.
arrays = {side: np.stack([small(path) for path in paths]) for side, paths in SIDES.items()}
labels = {side: np.array([label(path) for path in paths]) for side, paths in SIDES.items()}
np.savez_compressed(HERE / "keras.npz", x_train=arrays["train"], y_train=labels["train"], x_test=arrays["val"], y_test=labels["val"])
np.savez(
    HERE / "med.npz",
    train_images=arrays["train"][..., 0], train_labels=labels["train"][:, None].astype(np.uint8),
    val_images=arrays["val"][..., 0], val_labels=labels["val"][:, None].astype(np.uint8),
    test_images=arrays["val"][:2, ..., 0], test_labels=labels["val"][:2, None].astype(np.uint8),
)
(HERE / "planes").mkdir(exist_ok=True)
np.save(HERE / "planes" / "images.npy", arrays["train"].transpose(0, 3, 1, 2).copy())
np.save(HERE / "planes" / "labels.npy", np.array([path.parent.name for path in SIDES["train"]]))

# pandas: the table that Excel opens (a mark at its beginning, \r\n), with a column of the split.
table = [(f"../pictures/{side}/{path.parent.name}/{path.name}", path.parent.name, side) for side, paths in SIDES.items() for path in paths]
table = pd.DataFrame(table, columns=["file_name", "label", "split"])
table.to_csv(HERE / "pandas.csv", index=False, encoding="utf-8-sig", lineterminator="\r\n")
table.to_json(HERE / "pandas.jsonl", orient="records", lines=True)
