"""Averages of a small network along twelve steps, its running statistics among them, as PyTorch and timm have them.

python tests/golden/averages.py    (torch, timm)    writes averages.json beside this file
"""

import json
import pathlib

import timm
import torch
from timm.utils import ModelEmaV3
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)


class Net(nn.Module):
    """Two batch norms of different momentum; the last unit in front of the first is dead from the start."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(3, 4)
        self.norm1 = nn.BatchNorm1d(4, momentum=0.1)
        self.fc2 = nn.Linear(4, 3)
        self.norm2 = nn.BatchNorm1d(3, momentum=0.01)
        with torch.no_grad():
            self.fc1.bias[3] = -100.0

    def forward(self, x):
        return self.norm2(self.fc2(self.norm1(torch.relu(self.fc1(x)))))


def tensors(model):
    return {name: value.tolist() for name, value in model.state_dict().items() if value.is_floating_point()}


net = Net()
first = tensors(net)
ema = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.75))
mean = AveragedModel(net, use_buffers=True)
of_timm = ModelEmaV3(net, decay=0.75)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
steps = []
for _ in range(12):
    x = torch.randn(6, 3)
    loss = (net(x) - torch.randn(6, 3)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    for average in (ema, mean):
        average.update_parameters(net)
    of_timm.update(net)
    weights = {name: value.tolist() for name, value in net.named_parameters()}
    steps.append({"x": x.tolist(), "weights": weights})

averages = {"ema": tensors(ema.module), "mean": tensors(mean.module), "timm": tensors(of_timm.module)}
update_bn((torch.tensor(step["x"]) for step in steps), mean)
golden = {
    "versions": {"torch": torch.__version__.split("+")[0], "timm": timm.__version__},
    "first": first,
    "steps": steps,
    **averages,
    "recomputed": {name: value for name, value in tensors(mean.module).items() if "running" in name},
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(golden) + "\n")
