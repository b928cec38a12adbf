"""Writes many small pictures as one kind of file, for `cargo xtask bench sources`.

    python sources.py --kind tar --records 2000000 FOLDER

`tar` is shards of 100 000 samples by the standard library's tarfile (a PNG and its .cls each), `parquet` files of
250 000 rows by pyarrow with the metadata that `datasets` writes, `npz` an array by NumPy, `csv` a list of 1000 pictures
over and over. All need NumPy and Pillow, `parquet` pyarrow as well.
"""

import argparse
import csv
import io
import json
import pathlib
import tarfile

import numpy as np
from PIL import Image

CLASSES = 10
SIDE = 8


def png(number):
    """A picture that tells its number."""
    pixels = np.full((SIDE, SIDE, 3), [number & 255, number >> 8 & 255, number >> 16], np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def write_tar(folder, records, pictures):
    shard = 100_000
    for first in range(0, records, shard):
        with tarfile.open(folder / f"train-{first // shard:05d}.tar", "w", format=tarfile.USTAR_FORMAT) as out:
            for i in range(first, min(first + shard, records)):
                for ending, content in (("png", pictures[i % len(pictures)]), ("cls", str(i % CLASSES).encode())):
                    entry = tarfile.TarInfo(f"{i:08d}.{ending}")
                    entry.size = len(content)
                    out.addfile(entry, io.BytesIO(content))


def write_parquet(folder, records, pictures):
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [f"class {i}" for i in range(CLASSES)]
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("image", image), ("label", pa.int64())], {"huggingface": json.dumps({"info": {"features": features}})}
    )
    part = 250_000
    for first in range(0, records, part):
        numbers = range(first, min(first + part, records))
        rows = [{"bytes": pictures[i % len(pictures)], "path": None} for i in numbers]
        table = pa.table({"image": pa.array(rows, image), "label": [i % CLASSES for i in numbers]}, schema)
        pq.write_table(table, folder / f"train-{first // part:05d}.parquet", row_group_size=10_000)


def write_npz(folder, records, _):
    images = np.zeros((records, SIDE, SIDE, 3), np.uint8)
    images += np.arange(records, dtype=np.uint64).astype(np.uint8)[:, None, None, None]
    np.savez(folder / "pictures.npz", images=images, labels=np.arange(records) % CLASSES)


def write_csv(folder, records, pictures):
    for i, content in enumerate(pictures):
        (folder / f"{i:04d}.png").write_bytes(content)
    with open(folder / "labels.csv", "w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["path", "label"])
        rows.writerows((f"{i % len(pictures):04d}.png", f"class {i % CLASSES}") for i in range(records))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--kind", required=True, choices=["tar", "parquet", "npz", "csv"])
    parser.add_argument("--records", type=int, required=True)
    args = parser.parse_args()
    args.folder.mkdir(parents=True)
    pictures = [png(i * 251) for i in range(1000)]
    globals()[f"write_{args.kind}"](args.folder, args.records, pictures)


if __name__ == "__main__":
    main()
