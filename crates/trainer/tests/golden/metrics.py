"""Writes metrics.json: scores of made-up probabilities by scikit-learn 1.9 and SciPy; the calibration error by its formula in NumPy.

    pip install scikit-learn scipy
    python tests/golden/metrics.py
"""

import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import (
    accuracy_score, balanced_accuracy_score, log_loss, precision_recall_fscore_support, roc_auc_score, top_k_accuracy_score,
)

rng = np.random.default_rng(5)
classes, count = 4, 60
labels = rng.integers(0, classes, count)
logits = rng.normal(size=(count, classes)) * 1.5
logits[np.arange(count), labels] += 2.0
logits *= 2.0  # too sure of itself
logits[40:] = logits[:20]  # the same answers to other pictures: ties
p = np.exp(logits - logits.max(1, keepdims=True))
p = (p / p.sum(1, keepdims=True)).astype(np.float32)
p64 = p.astype(np.float64)
answers = p.argmax(1)
precision, recall, f1, _ = precision_recall_fscore_support(labels, answers, labels=range(classes), zero_division=0)
confidence, right = p64.max(1), answers == labels
bins = np.clip(np.ceil(confidence * 15).astype(int), 1, 15)
error = sum(abs((confidence[bins == b] - right[bins == b]).sum()) for b in range(1, 16)) / count


def tempered(t):
    z = np.log(p64) / t
    z -= z.max(1, keepdims=True)
    q = np.exp(z)
    q /= q.sum(1, keepdims=True)
    return -np.log(q[np.arange(count), labels]).mean()


best = minimize_scalar(lambda log: tempered(np.exp(log)), bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
# Pictures of the first three classes alone; some are still taken for the fourth.
few = labels < 3
macro = precision_recall_fscore_support(labels[few], answers[few], labels=range(3), average="macro", zero_division=0)[:3]
assert abs(macro[1] - balanced_accuracy_score(labels[few], answers[few])) < 1e-12
out = {
    "probabilities": [[float(x) for x in row] for row in p],
    "labels": labels.tolist(),
    "precision": precision.tolist(),
    "recall": recall.tolist(),
    "f1": f1.tolist(),
    "auc": [roc_auc_score(labels == c, p64[:, c]) for c in range(classes)],
    "top2": top_k_accuracy_score(labels, p64, k=2, labels=range(classes)),
    "calibration_error": error,
    "log_loss": tempered(1.0),
    "temperature": float(np.exp(best.x)),
    "tempered_loss": best.fun,
    "without_last_class": [*map(float, macro), float(accuracy_score(labels[few], answers[few]))],
}
assert abs(out["log_loss"] - log_loss(labels, p64 / p64.sum(1, keepdims=True))) < 1e-6
Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
