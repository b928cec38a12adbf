"""Writes intervals.json: Wilson's 95 % interval of shares by SciPy's `binomtest(k, n).proportion_ci(method="wilson")`.

    pip install scipy
    python tests/golden/intervals.py

Rows of right answers, pictures, and both ends of the interval.
"""

import json
from pathlib import Path

from scipy.stats import binomtest

CASES = [(k, n) for n in (1, 2, 3, 5, 20, 24, 100) for k in sorted({0, 1, n // 2, n - 1, n})] + [
    (8, 10), (320, 400), (523, 531), (531, 531), (9262, 10000), (1, 100000),
]
rows = []
for right, pictures in CASES:
    found = binomtest(right, pictures).proportion_ci(confidence_level=0.95, method="wilson")
    rows.append([right, pictures, [float(found.low), float(found.high)]])
Path(__file__).with_suffix(".json").write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
