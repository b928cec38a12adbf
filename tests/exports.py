"""Holds exported runs to torchvision, timm and onnxruntime: the same answers as `taper predict`.

    pip install torch torchvision timm safetensors onnx onnxruntime pillow
    python tests/exports.py target/release/taper [NAME ...]

For each network, or those that are named: one epoch from random weights on a few of the pictures of tests/data/emoji, exported in every form that it has, ONNX with weights in
integers too,
opened by the library and asked for two pictures: one of the network's size, and one
that is resized. Prints the largest difference of the log-probabilities of each, which are the logits but for a constant.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import safetensors.torch
import timm
import torch
import torchvision
from PIL import Image
from torchvision import transforms

HERE = Path(__file__).parent
PICTURES = HERE / "data" / "emoji"
CLASSES = ["clock", "flag", "hand"]
# Network, side of the pictures, more flags; PyTorch has no head but a network's own.
OWN = ["--head", "own"]
RUNS = [
    ("squeezenet1_1", 64, OWN), ("squeezenet1_0", 64, OWN), ("alexnet", 80, OWN), ("vgg11", 64, OWN), ("vgg11_bn", 70, OWN),
    ("resnet18", 75, OWN), ("resnet50", 64, OWN), ("resnext50_32x4d", 64, OWN), ("mobilenet_v2", 64, OWN),
    ("mobilenet_v3_small", 75, OWN), ("mobilenet_v3_large", 64, OWN), ("efficientnet_b0", 64, OWN), ("densenet121", 64, OWN),
    ("tf_efficientnet_lite0", 75, OWN), ("efficientnet_lite0", 64, OWN), ("mobilenetv3_small_100", 64, OWN), ("mobilenetv4_conv_small", 64, OWN),
    ("mobilenetv4_conv_medium", 67, OWN), ("efficientnet_v2_s", 64, OWN), ("regnet_y_400mf", 75, OWN), ("regnet_y_800mf", 64, OWN),
    ("squeezenet1_1", 65, []), ("alexnet", 160, OWN), ("resnet18", 64, ["--stochastic-depth", "0.3"]), ("small_cnn", 28, []),
    ("convnext_atto", 75, OWN), ("convnext_tiny", 64, OWN), ("vit_tiny_patch16_224", 64, OWN), ("vit_small_patch14_dinov2", 70, OWN),
    ("vit_small_patch14_reg4_dinov2", 84, OWN), ("deit_tiny_patch16_224", 224, ["--stochastic-depth", "0.2"]), ("convnext_atto", 64, []),
    ("vit_base_patch16_siglip_224", 80, OWN), ("vit_base_patch32_siglip_256", 96, OWN),
]
# Of torchvision's alone, and of timm's alone.
NOT_IN_TIMM = (
    "squeezenet1_1", "squeezenet1_0", "alexnet", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_v2_s", "regnet_y_400mf", "regnet_y_800mf",
)
ONLY_IN_TIMM = ("tf_efficientnet_lite0", "efficientnet_lite0", "mobilenetv3_small_100", "mobilenetv4_conv_small", "mobilenetv4_conv_medium")
# The same of timm's alone by the beginnings of their names; they take its mean and deviation, too.
TIMMS = ("convnext", "vit_", "deit_")


def log_softmax(logits):
    below = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return below - np.log(np.exp(below).sum(1, keepdims=True))


def prepared(path, told):
    """A picture as preprocess.json says, by torchvision."""
    assert (told["resize"]["filter"], told["crop"]["position"], told["layout"]) == ("bilinear", "center", "NCHW")
    resize = transforms.Resize(told["resize"]["short_side"], antialias=told["resize"]["antialias"])
    crop = transforms.CenterCrop((told["crop"]["height"], told["crop"]["width"]))
    pixels = np.asarray(crop(resize(Image.open(path).convert(told["color"]))), dtype=np.float32) * np.float32(told["scale"])
    pixels = (pixels - np.float32(told["mean"])) / np.float32(told["std"])
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def main(taper, names):
    taper = str(Path(taper).resolve())
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        for part, count in (("train", 6), ("val", 3)):
            for name in CLASSES:
                (place / "pictures" / part / name).mkdir(parents=True)
                for file in sorted((PICTURES / part / name).iterdir())[:count]:
                    (place / "pictures" / part / name / file.name).symlink_to(file.resolve())
        source = Image.open(sorted((place / "pictures" / "val" / "clock").iterdir())[0]).convert("RGB")
        for i, (name, side, flags) in enumerate(run for run in RUNS if not names or run[0] in names):
            run = place / f"run{i}"

            def call(*args):
                return subprocess.run([taper, *map(str, args)], check=True, cwd=place, capture_output=True, text=True).stdout

            def answers(model):
                told = [json.loads(call("predict", model, picture, "--json", "--top", 3)) for picture in pictures]
                found = [{entry["class"]: entry["probability"] for entry in one["predictions"]} for one in told]
                return np.log([[one[name] for name in CLASSES] for one in found])

            call("train", "pictures", "--model", name, "--image-size", side, "--batch-size", 6, "--epochs", 1, "--rate", 1e-5, "--out", run, *flags)
            # Of the size that the network sees, so that nobody resizes it; then of another, and no square.
            pictures = [place / f"picture{i}.png", place / f"larger{i}.png"]
            source.resize((side, side)).save(pictures[0])
            source.resize((side + 31, 2 * side)).save(pictures[1])
            ours = answers(run)
            assert ours.max() < -1e-3, "so sure an answer hides differences"
            found = {}
            for form in ("torchvision", "timm", "onnx", "int8"):
                out, wanted = place / f"{form}{i}", ours
                if form in ("torchvision", "timm") and flags != OWN:
                    continue
                if form == "timm" and name in NOT_IN_TIMM or form == "torchvision" and (name in ONLY_IN_TIMM or name.startswith(TIMMS)):
                    continue
                if form == "int8":
                    # The same rounded weights in both files.
                    call("export", run, "--format", "taper", "--int8", "--out", place / f"small{i}")
                    call("export", run, "--format", "onnx", "--int8", "--out", out)
                    wanted = answers(place / f"small{i}")
                else:
                    call("export", run, "--format", form, "--out", out)
                told = json.loads((out / "preprocess.json").read_text())
                pixels = np.concatenate([prepared(picture, told) for picture in pictures])
                x = torch.from_numpy(pixels)
                if form in ("onnx", "int8"):
                    onnx.checker.check_model(str(out / "model.onnx"), full_check=True)
                    session = onnxruntime.InferenceSession(str(out / "model.onnx"))
                    logits = session.run(None, {"pixels": pixels})[0]
                elif form == "timm":
                    net = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
                    logits = net(x).detach().numpy()
                else:
                    net = torchvision.models.get_model(name, weights=None, num_classes=3)
                    net.load_state_dict(safetensors.torch.load_file(out / "model.safetensors"), strict=False)
                    logits = net.eval()(x).detach().numpy()
                found[form] = np.abs(log_softmax(logits) - wanted).max(1)
            line = "  ".join(f"{form} {exact:.1e} {resized:.1e}" for form, (exact, resized) in found.items())
            print(f"{name:<29} {side:>3} {' '.join(flags):<24} {line}", flush=True)
            # Two ways to resize round some of the 256 levels of a pixel differently.
            assert all(exact < 1e-4 and resized < 1e-3 for exact, resized in found.values()), found


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
