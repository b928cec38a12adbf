"""Makes coco_captions.json: BLEU-1 to BLEU-4 and CIDEr-D of made-up captions by COCO's own code.

    pip install pycocoevalcap
    python coco_captions.py > coco_captions.json

The captions are words already, so PTBTokenizer, which needs Java, has nothing to do and is left out.
"""

import contextlib
import io
import json
import random

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider

WORDS = "a two three badger badgers apple apples cat dog left right of above below and there is are the".split()


def caption(rng, base=None):
    words = list(base) if base else [rng.choice(WORDS) for _ in range(rng.randint(1, 9))]
    for place in range(len(words)):
        if rng.random() < 0.3:
            words[place] = rng.choice(WORDS)
    if base and rng.random() < 0.3:
        words = words[: rng.randint(1, len(words))] + ([rng.choice(WORDS)] if rng.random() < 0.5 else [])
    return words


def case(name, pictures, seed, empty=False):
    rng = random.Random(seed)
    said, references = [], []
    for _ in range(pictures):
        base = [rng.choice(WORDS) for _ in range(rng.randint(2, 9))]
        references.append([caption(rng, base) for _ in range(rng.randint(1, 5))])
        said.append(caption(rng, base))
    if empty:
        said[0] = []
    text = lambda captions: {number: [" ".join(words) for words in one] for number, one in enumerate(captions)}
    gts, res = text(references), text([[one] for one in said])
    with contextlib.redirect_stdout(io.StringIO()):
        bleu, _ = Bleu(4).compute_score(gts, res)
        cider, each = Cider().compute_score(gts, res)
    return {"name": name, "said": said, "references": references, "bleu": bleu, "cider": float(cider), "each": [float(x) for x in each]}


print(json.dumps([case("many", 12, 0), case("two", 2, 1), case("one", 1, 2), case("an empty caption", 6, 3, True)]))
