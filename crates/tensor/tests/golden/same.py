"""Makes same.json beside it: convolutions whose zeros are those of TensorFlow's "same", by timm's `Conv2dSame` in float64.

python same.py, with torch and timm installed.
"""

import json
from pathlib import Path

import torch
from timm.layers import Conv2dSame

# Kernel, stride, inputs, outputs, groups, height, width: sides of which one is odd.
CASES = {
    "stem": (3, 2, 3, 2, 1, 6, 5),
    "depthwise3": (3, 2, 4, 4, 4, 5, 6),
    "depthwise5": (5, 2, 3, 3, 3, 6, 7),
    "stride3": (4, 3, 2, 3, 1, 7, 5),
}


def main():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    told = {}
    for name, (kernel, stride, inputs, outputs, groups, height, width) in CASES.items():
        layer = Conv2dSame(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)
        x = torch.randn(2, inputs, height, width, requires_grad=True)
        y = layer(x)
        grad = torch.randn_like(y)
        y.backward(grad)
        tensors = {
            "x": x, "weight": layer.weight, "out": y, "grad_out": grad, "grad_x": x.grad, "grad_weight": layer.weight.grad,
        }
        told[name] = {"stride": stride, "groups": groups} | {
            key: {"shape": list(t.shape), "values": t.detach().flatten().tolist()} for key, t in tensors.items()
        }
    Path(__file__).with_name("same.json").write_text(json.dumps(told) + "\n")


main()
