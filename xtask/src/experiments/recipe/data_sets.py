"""Makes the data sets of `cargo xtask experiments recipe`: folders with train, val and test, each with a folder for each class.

    pip install numpy pillow scikit-learn scikit-image
    python data_sets.py REPOSITORY OUT NAME [--fashion FOLDER]

NAME is emoji, digits, textures, photographs or fashion. The same packages give the same pictures. No part shares a picture with another, and where
pictures are cut from a larger one, no part shares a pixel. What is made here is not kept in the repository.

emoji        train and val are those of tests/data/emoji; test has the same things as Microsoft's Fluent Emoji 3D draws them (MIT), from the npm
             package @lobehub/fluent-emoji-3d by the code points of @emoji-mart/data, on white. The five that are not among them are
             left out.
digits       scikit-learn's 1797 digits of 8x8 pixels, drawn into the parts by class.
textures     squares of 32 pixels from six of scikit-image's gray pictures, six of each to train on, turned and mirrored in any of eight ways, darker
             and brighter; the class is the picture.
photographs  squares of 64 pixels from eight of scikit-image's color pictures, eight of each to train on; the class is the picture.
fashion      Fashion-MNIST from the four IDX files of a folder (Debian's package dataset-fashion-mnist): 100 pictures of each class to train on
             and 100 to choose by, both from its training pictures, 200 of each class of its test pictures.
"""

import gzip
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

PARTS = ("train", "val", "test")
EMOJI = "@lobehub/fluent-emoji-3d@1.1.0"
NAMES = "@emoji-mart/data@1.2.1"
GARMENTS = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
PHOTOGRAPHS = ["astronaut", "chelsea", "coffee", "hubble_deep_field", "immunohistochemistry", "motorcycle", "retina", "rocket"]
TEXTURES = ["brick", "cell", "coins", "grass", "gravel", "moon"]


def save(out, part, label, name, picture):
    folder = out / part / str(label)
    folder.mkdir(parents=True, exist_ok=True)
    picture.convert("RGB").save(folder / f"{name}.png")


def package(name, place):
    """The files of an npm package, unpacked."""
    packed = subprocess.run(["npm", "pack", name, "--silent"], cwd=place, check=True, capture_output=True, text=True).stdout.strip()
    with tarfile.open(place / packed.splitlines()[-1]) as archive:
        archive.extractall(place / "files", filter="data")
    return place / "files" / "package"


def emoji(root, out, _):
    with tempfile.TemporaryDirectory() as names, tempfile.TemporaryDirectory() as drawn:
        told = json.loads((package(NAMES, Path(names)) / "sets/15/all.json").read_text())
        pictures = package(EMOJI, Path(drawn)) / "assets"
        aliases = told["aliases"]
        # Some files are called without the variation selector.
        files = {file.stem.replace("-fe0f", ""): file for file in pictures.glob("*.webp")}
        for part in ("train", "val"):
            for file in sorted((root / "tests/data/emoji" / part).glob("*/*.png")):
                save(out, part, file.parent.name, file.stem, Image.open(file))
        missing = 0
        for file in sorted((root / "tests/data/emoji/val").glob("*/*.png")):
            known = told["emojis"].get(aliases.get(file.stem, file.stem))
            drawing = known and files.get(known["skins"][0]["unified"].replace("-fe0f", ""))
            if not drawing:
                missing += 1
                continue
            picture = Image.open(drawing).convert("RGBA")
            white = Image.new("RGBA", picture.size, "white")
            white.alpha_composite(picture)
            save(out, "test", file.parent.name, file.stem, white.resize((72, 72), Image.Resampling.LANCZOS))
        print(f"emoji: {missing} are not drawn by the artist of the test part", file=sys.stderr)


def digits(_, out, __):
    from sklearn.datasets import load_digits

    data, rng = load_digits(), np.random.default_rng(0)
    for label in range(10):
        chosen = rng.permutation(np.flatnonzero(data.target == label))
        ends = [len(chosen) // 2, len(chosen) * 3 // 4]
        for part, members in zip(PARTS, np.split(chosen, ends)):
            for i in members:
                save(out, part, label, f"{i:04}", Image.fromarray(np.round(data.images[i] / 16 * 255).astype(np.uint8)))


def squares(out, label, picture, side, counts, changed):
    """Squares of a picture: those to train on from its left half, to choose by from the third quarter, to test with from the last."""
    rng, (height, width) = np.random.default_rng(0), picture.shape[:2]
    columns = {"train": (0, width // 2), "val": (width // 2, width * 3 // 4), "test": (width * 3 // 4, width)}
    for part, (left, right) in columns.items():
        assert right - left >= side and height >= side, (label, picture.shape)
        for i in range(counts[part]):
            x, y = rng.integers(left, right - side + 1), rng.integers(0, height - side + 1)
            square = picture[y : y + side, x : x + side]
            if changed:
                square = np.rot90(square, rng.integers(4))
                square = square[:, ::-1] if rng.integers(2) else square
                square = np.clip(square * rng.uniform(0.5, 1.2) + rng.uniform(-30, 30), 0, 255).astype(np.uint8)
            save(out, part, label, f"{i:02}", Image.fromarray(np.ascontiguousarray(square)))


def textures(_, out, __):
    from skimage import data

    for name in TEXTURES:
        squares(out, name, getattr(data, name)(), 32, {"train": 6, "val": 48, "test": 48}, True)


def photographs(_, out, __):
    from skimage import data

    for name in PHOTOGRAPHS:
        # Of two eyes the left one.
        picture = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
        shrunk = Image.fromarray(picture)
        # Wide enough for squares in a quarter.
        scale = 64 * 5 / shrunk.width
        shrunk = shrunk.resize((round(shrunk.width * scale), max(64, round(shrunk.height * scale))), Image.Resampling.LANCZOS)
        squares(out, name, np.asarray(shrunk), 64, {"train": 8, "val": 48, "test": 48}, False)


def fashion(_, out, folder):
    def values(name, header):
        files = [file for file in (folder / name, folder / f"{name}.gz") if file.is_file()]
        if not files:
            sys.exit(f"{folder} has no {name}: Debian's package dataset-fashion-mnist has it, --fashion names another folder")
        data = gzip.open(files[0]).read() if files[0].suffix == ".gz" else files[0].read_bytes()
        return np.frombuffer(data, np.uint8, offset=header)

    rng = np.random.default_rng(0)
    for side, counts in (("train", {"train": 100, "val": 100}), ("t10k", {"test": 200})):
        labels, pictures = values(f"{side}-labels-idx1-ubyte", 8), values(f"{side}-images-idx3-ubyte", 16).reshape(-1, 28, 28)
        for label, name in enumerate(GARMENTS):
            chosen = list(rng.permutation(np.flatnonzero(labels == label)))
            for part, count in counts.items():
                for i in chosen[:count]:
                    save(out, part, name, f"{i:05}", Image.fromarray(pictures[i]))
                chosen = chosen[count:]


def main(root, out, name, *rest):
    makers = {maker.__name__: maker for maker in (emoji, digits, textures, photographs, fashion)}
    folder = Path(rest[rest.index("--fashion") + 1]) if "--fashion" in rest else Path("/usr/share/datasets/fashion-mnist")
    out = Path(out)
    begun = out.with_name(out.name + ".part")
    # Of a call that was broken off.
    shutil.rmtree(begun, ignore_errors=True)
    begun.mkdir(parents=True)
    makers[name](Path(root), begun, folder)
    begun.rename(out)


main(*sys.argv[1:])
