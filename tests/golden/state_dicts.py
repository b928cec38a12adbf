"""Makes the files in state_dicts/ beside it: weights as people save them with PyTorch, torchvision and timm.

python state_dicts.py, with torch, torchvision, timm, numpy and safetensors installed.

A network of two layers is saved in every form, and small networks of torchvision and timm as these libraries save theirs. What they hold is in
values.safetensors, under FILE/NAME, as float32: PyTorch's own numbers, contiguous.
"""

import argparse
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from safetensors.torch import save_file
from timm.utils import CheckpointSaver, ModelEmaV3
from torch import nn
from torch.optim.swa_utils import AveragedModel

warnings.filterwarnings("ignore")
torch.manual_seed(0)
HERE = Path(__file__).with_name("state_dicts")
VALUES = {}


def values(name, tensors):
    """Notes what a file holds: its floating-point tensors by the names that they are to have."""
    for key, tensor in tensors.items():
        if tensor.is_floating_point():
            VALUES[f"{name}/{key}"] = tensor.detach().float().contiguous().clone()


def save(name, what, tensors, **options):
    torch.save(what, HERE / f"{name}.pth", **options)
    values(name, tensors)


class Small(nn.Module):
    """Parameters, buffers and a counter: a convolution, its norm, a linear layer without bias."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 2)
        self.bn1 = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 2, bias=False)

    def forward(self, x):
        return self.fc(self.bn1(self.conv1(x)).relu().mean((2, 3)))


class Inside(nn.Module):
    """A network as an attribute, as frameworks have it."""

    def __init__(self, name, network):
        super().__init__()
        setattr(self, name, network)


def trained():
    """A network and its optimizer after a step."""
    network = Small()
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.randn(4, 3, 5, 5)).square().sum().backward()
    optimizer.step()
    return network, optimizer


def checkpoint(entry):
    """A training in the middle, as scripts write it down."""
    network, optimizer = trained()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    beside = {
        "epoch": 7,
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": scheduler.state_dict(),
        "args": argparse.Namespace(lr=0.1, classes=["a", "b"], data=Path("pictures")),
        "best_acc1": torch.tensor(71.5),
        "metric": np.float64(0.715),
        "history": np.arange(3.0),
        "rng": torch.get_rng_state()[:16].clone(),
        "seed": 2**80,
        "note": "näher",
        "done": False,
        "nothing": None,
    }
    return network, {**beside, entry: network.state_dict()}


def main():
    HERE.mkdir(exist_ok=True)
    state = trained()[0].state_dict()
    save("plain", state, state)
    for dtype in ("half", "bfloat16", "double"):
        cast = getattr(trained()[0], dtype)().state_dict()
        save(dtype, cast, cast)
    for protocol in (3, 4, 5):
        save(f"protocol{protocol}", state, state, pickle_protocol=protocol)

    # From before PyTorch 1.6.
    old = {"_use_new_zipfile_serialization": False}
    save("legacy", state, state, **old)
    save("legacy_protocol4", state, state, pickle_protocol=4, **old)
    network, wrapped = checkpoint("state_dict")
    save("legacy_checkpoint", wrapped, network.state_dict(), **old)

    # Checkpoints.
    for entry in ("state_dict", "model", "model_state_dict", "state_dict_ema", "net"):
        network, wrapped = checkpoint(entry)
        save(f"wrapped_{entry}", wrapped, network.state_dict())
    network, optimizer = trained()
    average = ModelEmaV3(network, decay=0.5)
    with torch.no_grad():
        network.fc.weight.add_(1.0)
    saver = CheckpointSaver(network, optimizer, args=argparse.Namespace(model="small"), model_ema=average, checkpoint_dir=HERE)
    saver.save_checkpoint(0, metric=0.5)
    for name in ("last.pth.tar", "checkpoint-0.pth.tar"):
        (HERE / name).unlink(missing_ok=True)
    (HERE / "model_best.pth.tar").rename(HERE / "timm_saver.pth")
    values("timm_saver", average.module.state_dict())

    # Names behind those of wrappers.
    network = trained()[0]
    module = nn.DataParallel(network)
    for name, wrapper in {
        "module": module,
        "compiled": torch.compile(network),
        "module_compiled": nn.DataParallel(torch.compile(network)),
        "model": Inside("model", network),
        "backbone": Inside("model", Inside("backbone", network)),
        "average": AveragedModel(network),
    }.items():
        save(f"prefix_{name}", wrapper.state_dict(), network.state_dict())
    save("wrapped_module", {"epoch": 1, "state_dict": module.state_dict()}, network.state_dict())

    # Strides, parameters, what shares a storage.
    network = Small().to(memory_format=torch.channels_last)
    save("channels_last", network.state_dict(), network.state_dict())
    numbers = torch.arange(24.0).reshape(2, 3, 4)
    views = {
        "turned": numbers.permute(2, 0, 1),
        "every_other": numbers[:, :, ::2],
        "last_row": numbers[1, 2],
        "repeated": torch.tensor([[1.0], [2.0]]).expand(2, 3),
        "empty": numbers[:, :0],
        "one": torch.tensor(5.0),
        "same": numbers,
        "half": numbers.half().transpose(0, 2),
    }
    save("views", views, views)
    save("legacy_views", views, views, **old)
    network = Small()
    parameters = dict(network.named_parameters())
    save("parameters", parameters, parameters)
    network.fc.weight.tag = "noted"
    noted = torch.ones(3)
    noted.tag = "noted too"
    attributes = {"weight": network.fc.weight, "noted": noted}
    save("attributes", attributes, attributes)
    tied = nn.Sequential(OrderedDict(first=nn.Linear(3, 3), second=nn.Linear(3, 3)))
    tied.second.weight = tied.first.weight
    save("tied", tied.state_dict(), tied.state_dict())
    beside = {**state, "epoch": 3, "accuracy": np.float32(0.5), "steps": torch.tensor([1, 2]), "names": ["a"], "fc.scale": None}
    save("beside", beside, state)

    # Networks of torchvision and timm, small ones.
    from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

    setting = [InvertedResidualConfig(8, 3, 8, 8, True, "RE", 2, 1, 1.0)]
    vision = MobileNetV3(setting, last_channel=8, num_classes=3)
    save("torchvision", vision.state_dict(), vision.state_dict())
    save("whole_model", vision, vision.state_dict())
    save("legacy_whole_model", nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.BatchNorm1d(3))), {}, **old)
    whole = torch.load(HERE / "legacy_whole_model.pth", weights_only=False)
    values("legacy_whole_model", whole.state_dict())
    net = timm.models.resnet.ResNet(
        timm.models.resnet.BasicBlock, (1, 1), channels=(4, 6), stem_width=4, num_classes=3
    )
    save("timm", net.state_dict(), net.state_dict())

    # What cannot be used.
    network = Small()
    torch.save([1, 2], HERE / "refused_list.pth")
    torch.save({"encoder": network.state_dict(), "decoder": network.state_dict()}, HERE / "refused_several.pth")
    torch.save({"steps": torch.tensor([1, 2])}, HERE / "refused_integers.pth")
    torch.jit.script(network).save(HERE / "refused_script.pth")

    # NaN and infinity: two numbers as they are, one that is too large for float32.
    poor = trained()[0].double().state_dict()
    poor["conv1.weight"][0, 0, 0, 0] = float("nan")
    poor["fc.weight"][0, 0] = float("inf")
    poor["fc.weight"][0, 1] = 1e300
    save("not_finite", {"model": nn.DataParallel(trained()[0]).state_dict() | {f"module.{k}": v for k, v in poor.items()}}, poor)

    save_file(VALUES, HERE / "values.safetensors")
    sizes = [file.stat().st_size for file in HERE.iterdir()]
    print(f"{len(sizes)} files, {sum(sizes)} bytes; torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}")


main()
