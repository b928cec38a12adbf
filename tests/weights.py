"""Holds files of weights to torchvision and timm: what `taper predict MODEL --weights FILE` answers beside what PyTorch does.

    pip install torch torchvision timm pillow
    python tests/weights.py target/release/taper [NAME ...]

For each network, or those that are named, such as resnet50 or resnet50.a1_in1k: a state dict of torchvision, with random weights, as `torch.save` writes it, and timm's where that has the network; for
the first of them in every form that people save. Prints the largest difference of the log-probabilities of 1000 classes, which are the logits
but for a constant.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision import transforms

HERE = Path(__file__).parent
NAMES = [
    "squeezenet1_1", "squeezenet1_0", "alexnet", "vgg11", "vgg13_bn", "resnet18", "resnet34", "resnet50", "resnet101", "resnext50_32x4d",
    "wide_resnet50_2", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0", "efficientnet_v2_s", "densenet121",
    "regnet_y_400mf", "regnet_y_800mf", "regnet_y_1_6gf", "regnet_y_3_2gf", "mobilenetv3_small_100", "mobilenetv3_large_100", "efficientnet_lite0",
    "tf_efficientnet_lite0", "mobilenetv4_conv_small", "mobilenetv4_conv_medium",
]
# Those that torchvision does not have.
ONLY_IN_TIMM = (
    "mobilenetv3_small_100", "mobilenetv3_large_100", "efficientnet_lite0", "tf_efficientnet_lite0", "mobilenetv4_conv_small", "mobilenetv4_conv_medium",
)
# Those that have timm's names; torchvision has three of them, too.
TIMMS = [
    "convnext_atto", "convnext_femto", "convnext_pico", "convnext_nano", "convnext_tiny", "convnext_small", "convnext_base", "vit_tiny_patch16_224",
    "vit_small_patch16_224", "vit_base_patch16_224", "deit_tiny_patch16_224", "deit_small_patch16_224", "deit_base_patch16_224",
    "vit_small_patch14_dinov2", "vit_base_patch14_dinov2", "vit_small_patch14_reg4_dinov2", "vit_base_patch14_reg4_dinov2", "vit_base_patch16_clip_224",
    "vit_base_patch16_siglip_224", "vit_base_patch16_siglip_256", "vit_base_patch32_siglip_256",
]
NAMES += TIMMS
IN_TORCHVISION = ("convnext_tiny", "convnext_small", "convnext_base")
IN_TIMM = {"mobilenet_v2": "mobilenetv2_100"} | {
    name: name
    for name in ONLY_IN_TIMM + ("vgg11", "vgg13_bn", "resnet18", "resnet34", "resnet50", "resnet101", "resnext50_32x4d", "wide_resnet50_2", "efficientnet_b0", "densenet121")
}
FORMS = {
    "plain": lambda net, file: torch.save(net.state_dict(), file),
    "legacy": lambda net, file: torch.save(net.state_dict(), file, _use_new_zipfile_serialization=False),
    "wrapped": lambda net, file: torch.save({"epoch": 3, "state_dict": net.state_dict(), "best": np.float64(1)}, file),
    "parallel": lambda net, file: torch.save({"model": nn.DataParallel(net).state_dict()}, file),
    "compiled": lambda net, file: torch.save(torch.compile(net).state_dict(), file),
    "channels_last": lambda net, file: torch.save(net.to(memory_format=torch.channels_last).state_dict(), file),
    "double": lambda net, file: torch.save(net.double().state_dict(), file),
    "whole": lambda net, file: torch.save(net.float(), file),
    "nested": lambda net, file: torch.save({"epoch": 3, "state_dict": {"model": net.state_dict(), "step": 7}}, file),
    "lightning": lambda net, file: torch.save({"state_dict": behind("net.", net) | {"criterion.weight": torch.ones(1000)}}, file),
    "moco": lambda net, file: torch.save(behind("module.encoder_q.", net) | behind("module.encoder_k.", net) | {"module.queue": torch.ones(9)}, file),
    "ema": lambda net, file: torch.save({"net": zeros(net), "ema": net.state_dict(), "metrics": {"top1": torch.tensor(0.7)}}, file),
}


def behind(prefix, network):
    return {prefix + name: tensor for name, tensor in network.state_dict().items()}


def zeros(network):
    return {name: torch.zeros_like(tensor) for name, tensor in network.state_dict().items()}


def lively(network, x):
    """Random weights, running statistics included, whose answers to `x` differ by more than rounding and by no more than a probability can tell."""
    torch.manual_seed(0)
    # Factors and positions that begin near 0 would hide what they are for.
    for name, parameter in network.named_parameters():
        if name.endswith(("gamma", "layer_scale")):
            nn.init.uniform_(parameter, 0.2, 1)
        elif name in ("cls_token", "reg_token", "pos_embed", "attn_pool.latent"):
            nn.init.normal_(parameter, 0, 0.5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    *_, last = (module for module in network.modules() if isinstance(module, (nn.Linear, nn.Conv2d)))
    network.eval()
    with torch.no_grad():
        last.weight.normal_(0, 0.1)
        logits = network(x)
        last.weight.mul_(20 / (logits.max() - logits.min()))
    return network


def main(taper, names):
    taper = str(Path(taper).resolve())
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)

        def picture(name):
            """What a network sees, as `taper models info` says: of a picture that nobody resizes the middle, by the mean and deviation of its weights."""
            told = json.loads(subprocess.run([taper, "models", "info", name, "--json"], check=True, capture_output=True, text=True).stdout)
            size, side = told["input_size"], int(told["input_size"] / told["crop"])
            source = Image.open(HERE / "data/emoji/val/animal/badger.png").convert("RGB").resize((side, side))
            source.save(place / "picture.png")
            seen = transforms.CenterCrop(size)(source)
            pixels = (np.asarray(seen, dtype=np.float32) / 255 - np.float32(told["mean"])) / np.float32(told["std"])
            return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))

        def hold(name, form, network, write):
            with torch.no_grad():
                wanted = network.float()(x)[0].double().log_softmax(0).numpy()
            file = place / f"{form}.pth"
            write(network, file)
            args = [taper, "predict", name, "picture.png", "--weights", file, "--json", "--top", "1000"]
            ran = subprocess.run(args, cwd=place, capture_output=True, text=True)
            file.unlink()
            assert ran.returncode == 0, f"{name} {form}: {ran.stderr}"
            ours = np.zeros(1000)
            for entry in json.loads(ran.stdout)["predictions"]:
                ours[entry["index"]] = np.log(entry["probability"])
            spread = wanted.max() - wanted.min()
            print(f"{name:29} {form:14} {np.abs(ours - wanted).max():.1e} of {spread:.1f}  {ran.stderr.strip()}", flush=True)
            assert np.abs(ours - wanted).max() < 1e-3 * max(1, spread)

        for set_of in names or NAMES:
            x, name = picture(set_of), set_of.split(".")[0]
            if name in ONLY_IN_TIMM or name in TIMMS:
                hold(set_of, "timm", lively(timm.create_model(name, num_classes=1000), x), FORMS["plain"])
                if name in IN_TORCHVISION:
                    hold(set_of, "torchvision", lively(getattr(torchvision.models, name)(weights=None), x), FORMS["plain"])
                continue
            make = lambda: lively(getattr(torchvision.models, name)(weights=None), x)
            forms = FORMS if set_of == (names or NAMES)[0] else {"plain": FORMS["plain"]}
            for form, write in forms.items():
                hold(set_of, form, make(), write)
            if name in IN_TIMM:
                hold(set_of, "timm", lively(timm.create_model(IN_TIMM[name]), x), FORMS["plain"])


main(sys.argv[1], sys.argv[2:])
