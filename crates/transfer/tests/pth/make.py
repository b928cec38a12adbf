"""Makes the state dicts beside it, with PyTorch: python make.py."""

from collections import OrderedDict
from pathlib import Path

import torch

here = Path(__file__).parent
numbers = torch.arange(12, dtype=torch.float32) / 4
good = OrderedDict(
    {
        "a.weight": numbers.reshape(3, 4).clone(),
        "a.bias": torch.tensor([1.5, -2.0], dtype=torch.float16),
        "b.weight": torch.tensor([0.25, 3.0], dtype=torch.bfloat16),
        "b.running_mean": torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64),
        "b.num_batches_tracked": torch.tensor(7),
        "c.weight": numbers[4:8],  # a part of a larger storage
        "c.bias": torch.nn.Parameter(torch.tensor([9.0])),
    }
)
torch.save(good, here / "good.pth")
torch.save(good, here / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save({"epoch": 3, "state_dict": good}, here / "checkpoint.pth")
torch.save({"steps": torch.tensor([1, 2])}, here / "integers.pth")
torch.save({"turned": numbers.reshape(3, 4).t()}, here / "view.pth")
torch.save([1, 2], here / "list.pth")
