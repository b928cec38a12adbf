"""Makes labels.json and numbers.json beside it: scores of several labels and of numbers, by scikit-learn.

python labels.py, with numpy and scikit-learn installed.
"""

import json
from pathlib import Path

import numpy as np
from sklearn import metrics as m

rng = np.random.default_rng(0)
targets = (rng.random((60, 4)) < [0.5, 0.2, 0.7, 0.05]).astype(int)
targets[0] = 1
# Two decimals: equal probabilities are among them.
probabilities = np.clip(0.5 + 0.35 * (targets - 0.5) + 0.25 * rng.standard_normal((60, 4)), 0, 1).round(2)
probabilities = probabilities.astype(np.float32)
thresholds = np.array([0.5, 0.4, 0.61, 0.7], dtype=np.float32)
said = (probabilities >= thresholds).astype(int)
p, r, f, _ = m.precision_recall_fscore_support(targets, said, average=None, zero_division=0)


def best_f1(label):
    tried = np.unique(probabilities[:, label])
    return max(m.f1_score(targets[:, label], probabilities[:, label] >= t, zero_division=0) for t in tried)


labels = {
    "probabilities": probabilities.tolist(),
    "targets": targets.tolist(),
    "thresholds": thresholds.tolist(),
    "average_precision": m.average_precision_score(targets, probabilities, average=None).tolist(),
    "map": m.average_precision_score(targets, probabilities, average="macro"),
    "precision": p.tolist(),
    "recall": r.tolist(),
    "f1": f.tolist(),
    "macro_f1": m.f1_score(targets, said, average="macro"),
    "micro_f1": m.f1_score(targets, said, average="micro"),
    "hamming_loss": m.hamming_loss(targets, said),
    "exact_match": m.accuracy_score(targets, said),
    "best_f1": [best_f1(label) for label in range(4)],
}
Path(__file__).with_name("labels.json").write_text(json.dumps(labels) + "\n")

truth = (rng.standard_normal((40, 3)) * [1, 30, 0.01] + [5, -100, 0]).astype(np.float32)
answers = (truth + rng.standard_normal((40, 3)) * [0.5, 40, 0.001]).astype(np.float32)
t, y = truth.astype(np.float64), answers.astype(np.float64)
numbers = {
    "answers": answers.tolist(),
    "targets": truth.tolist(),
    "mae": m.mean_absolute_error(t, y, multioutput="raw_values").tolist(),
    "rmse": m.root_mean_squared_error(t, y, multioutput="raw_values").tolist(),
    "r2": m.r2_score(t, y, multioutput="raw_values").tolist(),
    "mean_r2": m.r2_score(t, y),
}
Path(__file__).with_name("numbers.json").write_text(json.dumps(numbers) + "\n")
