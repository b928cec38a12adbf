"""Makes backbones.safetensors and transformers.safetensors beside it: torchvision's and timm's networks with made-up
weights on made-up pictures, in float64.

python backbones.py, with torch, torchvision, timm and safetensors installed.
"""

from pathlib import Path

import numpy as np
import timm
import torch
import torchvision.models as models
from safetensors.torch import load_file, save_file

NETWORKS = [
    "alexnet", "vgg11_bn", "squeezenet1_0", "resnet34", "resnet50", "resnext50_32x4d", "mobilenet_v2",
    "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0", "densenet121",
    "efficientnet_v2_s", "regnet_y_400mf", "tf_efficientnet_lite0", "efficientnet_lite0", "mobilenetv4_conv_small", "mobilenetv4_conv_medium",
]
# Where our names of parameters are others than timm's: the weights are numbered by them.
OURS = {"conv_head": "classifier.0", "norm_head": "classifier.1", "classifier": "classifier.4"}
# timm's: a network, and the part of the pictures that is whole patches.
IN_TIMM = {
    "convnext_atto": (96, 80),
    "vit_tiny_patch16_224": (96, 80),
    "vit_small_patch14_reg4_dinov2": (56, 70),
    # SigLIP's image towers, as narrow as the smallest of the others.
    "siglip_patch16": (96, 80),
    "siglip_patch32": (96, 64),
}
NARROW = {"embed_dim": 192, "depth": 12, "num_heads": 3, "class_token": False, "global_pool": "map", "dynamic_img_size": True, "num_classes": 1000}
SIGLIP = {
    "siglip_patch16": dict(NARROW, img_size=224, patch_size=16),
    "siglip_patch32": dict(NARROW, img_size=256, patch_size=32, act_layer="gelu_tanh"),
}


def noise(count, seed):
    """Numbers in -1..1 that any language computes alike: the fraction of a large sine."""
    x = np.sin(np.arange(count, dtype=np.float64) * 12.9898 + seed * 78.233) * 43758.5453
    return 2 * (x - np.floor(x)) - 1


def ours(name, state):
    """A name as we have it: MobileNetV4's head is one, by names of its own."""
    if "norm_head.weight" not in state:
        return name
    module, parameter = name.rsplit(".", 1)
    return f"{OURS.get(module, module)}.{parameter}"


def fill(state):
    """He et al.'s uniform for weights of layers, norms near 1 and 0; the seed is the place among the sorted names."""
    names = sorted((name for name, value in state.items() if value.is_floating_point()), key=lambda name: ours(name, state))
    for seed, name in enumerate(names):
        value = state[name]
        x = noise(value.numel(), seed)
        if value.dim() > 1:
            x *= np.sqrt(6 / (value.numel() / value.shape[0]))
        elif name.endswith("running_var"):
            x = 1 + 0.5 * x * x
        elif name.endswith("weight"):
            x = 1 + 0.1 * x
        else:
            x *= 0.1
        value.copy_(torch.from_numpy(x.reshape(value.shape)))


def features(network, x):
    """The last map before the classifier's pool."""
    if isinstance(network, models.DenseNet):
        return torch.relu(network.features(x))
    if hasattr(network, "features"):
        return network.features(x)
    if hasattr(network, "forward_features"):
        return network.forward_features(x)
    if hasattr(network, "trunk_output"):
        return network.trunk_output(network.stem(x))
    x = network.maxpool(network.relu(network.bn1(network.conv1(x))))
    return network.layer4(network.layer3(network.layer2(network.layer1(x))))


def embedded():
    """What timm answers with the weights that are in the library, in float32: the four pictures of models.safetensors."""
    here = Path(__file__).parent
    network = timm.create_model("tf_efficientnet_lite0").eval()
    weights = load_file(here / "../../models/tf_efficientnet_lite0.safetensors")
    network.load_state_dict({name: value.float() for name, value in weights.items()}, strict=False)
    with torch.no_grad():
        return network(load_file(here / "models.safetensors")["pixels"])


def last(network, x):
    """The class token behind the last norm, what attention pools, or the last map."""
    y = network.forward_features(x)
    if getattr(network, "attn_pool", None) is not None:
        return network.attn_pool(y)
    return y[:, 0] if y.dim() == 3 else y


def means(y):
    return y if y.dim() == 2 else y.mean((2, 3))


def transformers(pictures):
    values = {}
    # Positions are resampled in float32 there, which would be the largest error of all.
    torch.Tensor.float = torch.Tensor.double
    for name, (h, w) in IN_TIMM.items():
        options = {} if name.startswith("convnext") else {"dynamic_img_size": True}
        if name in SIGLIP:
            network = timm.models.vision_transformer.VisionTransformer(**SIGLIP[name]).double().eval()
        else:
            network = timm.create_model(name, num_classes=1000, **options).double().eval()
        x = pictures[:, :, :h, :w]
        with torch.no_grad():
            fill(network.state_dict())
            values[f"{name}.features"] = means(last(network, x[:1]))[0].contiguous()
            values[f"{name}.logits"] = network(x[:1])[0].contiguous()
        y = last(network.train(), x)
        y.square().mean().backward()
        stem = network.stem[0] if name.startswith("convnext") else network.patch_embed.proj
        values[f"{name}.trained"] = means(y).detach().mean(0).contiguous()
        values[f"{name}.gradient"] = stem.weight.grad.flatten()[:64].contiguous()
        print(name, [f"{float(v.abs().max()):.3g}" for k, v in values.items() if k.startswith(name + ".")])
    save_file(values, Path(__file__).with_name("transformers.safetensors"))


def main():
    pictures = torch.from_numpy(noise(2 * 3 * 96 * 80, 0).reshape(2, 3, 96, 80))
    picture = pictures[:1]
    values = {}
    for name in NETWORKS:
        options = {"stochastic_depth_prob": 0.0} if name.startswith("efficientnet_") else {}
        build = getattr(models, name, None)
        network = build(weights=None, **options) if build else timm.create_model(name)
        network = network.double().eval()
        # The heads of these two have tens of millions of weights.
        if name in ("alexnet", "vgg11_bn"):
            network.classifier = torch.nn.Identity()
        with torch.no_grad():
            fill(network.state_dict())
            values[f"{name}.features"] = features(network, picture).mean((2, 3))[0].contiguous()
            if name not in ("alexnet", "vgg11_bn"):
                values[f"{name}.logits"] = network(picture)[0].contiguous()
        # In training mode, and the gradient of the stem's filters.
        maps = features(network.train(), pictures)
        maps.square().mean().backward()
        stem = next(network.parameters())
        values[f"{name}.trained"] = maps.detach().mean((0, 2, 3)).contiguous()
        values[f"{name}.gradient"] = stem.grad.flatten()[:64].contiguous()
        print(name, [f"{float(v.abs().max()):.3g}" for k, v in values.items() if k.startswith(name + ".")])
    values["embedded.logits"] = embedded()
    save_file(values, Path(__file__).with_name("backbones.safetensors"))
    transformers(pictures)


main()
