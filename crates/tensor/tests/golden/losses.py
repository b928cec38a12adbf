"""Makes losses.json beside it: losses that are means over all elements, by PyTorch in float64.

python losses.py, with torch installed.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

N, C = 5, 3


def main():
    torch.manual_seed(0)
    logits = torch.randn(N, C, dtype=torch.float64).round(decimals=3)
    soft = torch.rand(N, C, dtype=torch.float64).round(decimals=3)
    hard = (soft > 0.5).double()
    extreme = torch.tensor([[400.0, -400.0, 0.0], [-90.0, 90.0, 37.0]], dtype=torch.float64)
    weights = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)
    numbers = torch.randn(N, C, dtype=torch.float64).round(decimals=3)
    numbers[0] = logits[0]
    numbers[1] = logits[1] + 5
    bce = F.binary_cross_entropy_with_logits
    cases = {
        "binary_cross_entropy": (logits, hard, lambda y, t: bce(y, t)),
        "binary_cross_entropy_soft": (logits, soft, lambda y, t: bce(y, t)),
        "binary_cross_entropy_weighted": (logits, soft, lambda y, t: bce(y, t, pos_weight=weights)),
        "binary_cross_entropy_extreme": (extreme, (extreme < 0).double(), lambda y, t: bce(y, t, pos_weight=weights)),
        "l1_loss": (logits, numbers, F.l1_loss),
        "mse_loss": (logits, numbers, F.mse_loss),
        "huber_loss": (logits, numbers, lambda y, t: F.huber_loss(y, t, delta=0.7)),
    }
    values = {}
    for name, (y, t, loss) in cases.items():
        y = y.clone().requires_grad_()
        out = loss(y, t)
        out.backward()
        values[name] = {"y": y.tolist(), "t": t.tolist(), "out": out.item(), "grad": y.grad.tolist()}
    values["pos_weight"] = weights.tolist()
    values["delta"] = 0.7
    Path(__file__).with_name("losses.json").write_text(json.dumps(values) + "\n")


main()
