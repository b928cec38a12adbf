"""Makes cycles.json: rates and momenta of schedules of PyTorch and timm.

    pip install torch==2.15.0 timm==1.0.31
    python cycles.py
"""

import json
from pathlib import Path

import torch
from timm.scheduler import CosineLRScheduler

LR, STEPS = 0.1, 100


def sgd():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR, momentum=0.9)


def of_pytorch(make):
    optimizer = sgd()
    schedule = make(optimizer)
    lr, momentum = [], []
    for _ in range(STEPS):
        lr.append(optimizer.param_groups[0]["lr"])
        momentum.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        schedule.step()
    return {"lr": lr, "momentum": momentum}


def of_timm(make):
    optimizer = sgd()
    schedule = make(optimizer)
    lr = []
    for t in range(STEPS):
        schedule.step(t)
        lr.append(optimizer.param_groups[0]["lr"])
    return {"lr": lr}


def triangular2(optimizer):
    return torch.optim.lr_scheduler.CyclicLR(
        optimizer, base_lr=0.01, max_lr=LR, step_size_up=10, mode="triangular2", cycle_momentum=False
    )


def one_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LR, total_steps=STEPS)


def falling(cycle_mul, cycle_decay):
    return lambda optimizer: CosineLRScheduler(
        optimizer, t_initial=10, lr_min=0.001, cycle_mul=cycle_mul, cycle_decay=cycle_decay, cycle_limit=100
    )


golden = {
    "base_lr": LR,
    "cases": {
        "triangular2": of_pytorch(triangular2),
        "one_cycle": of_pytorch(one_cycle),
        "falling_peaks": of_timm(falling(1.0, 0.7)),
        "falling_peaks_growing": of_timm(falling(2.0, 0.5)),
    },
}
with open(Path(__file__).parent / "cycles.json", "w") as file:
    json.dump(golden, file)
    file.write("\n")
