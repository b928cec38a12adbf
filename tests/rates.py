"""Asks `taper lr-find` for a rate on few pictures, and trains with it beside the recipe's own.

    python tests/rates.py target/release/taper [FOLDER] [--seeds 3]

For 2 to 10 classes of tests/data/emoji and 2 to 10 training pictures of each, drawn by the seed, with 10 others of each class to test:
the rate that is named, and the accuracy of `taper fine-tune --lr` with it and without. Prints a table. What was measured is kept
in FOLDER and not measured again.
"""

import argparse
import json
import random
import subprocess
import tempfile
from pathlib import Path

PICTURES = Path(__file__).resolve().parent / "data" / "emoji"
# Classes, and training pictures of each.
SETS = [(2, 4), (4, 2), (3, 4), (4, 4), (2, 10), (4, 6), (8, 4), (4, 10), (10, 4)]


def chosen(place, classes, pictures, seed):
    """A folder with some of the pictures."""
    rng = random.Random(f"{classes}{pictures}{seed}")
    names = sorted(path.name for path in (PICTURES / "train").iterdir())
    rng.shuffle(names)
    for name in names[:classes]:
        for part, count in (("train", pictures), ("val", 10)):
            files = sorted((PICTURES / part / name).iterdir())
            rng.shuffle(files)
            (place / part / name).mkdir(parents=True)
            for file in files[:count]:
                (place / part / name / file.name).symlink_to(file)


def measure(taper, classes, pictures, seed):
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        chosen(place / "data", classes, pictures, seed)

        def call(verb, *flags):
            command = [taper, verb, place / "data", "--seed", seed, "--json", *flags]
            return json.loads(subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout)

        rate = call("lr-find")["steepest"]
        accuracy = lambda out, *flags: call("fine-tune", "--out", place / out, *flags)["final"]["val_accuracy"]
        with_it = None if rate is None else accuracy("with", "--lr", rate)
        return {"rate": rate, "with": with_it, "usual": accuracy("usual")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("taper")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    rows = []
    for classes, pictures in SETS:
        for seed in range(args.seeds):
            kept = args.folder and args.folder / f"{classes}-{pictures}-{seed}.json"
            if kept and kept.is_file():
                found = json.loads(kept.read_text())
            else:
                found = measure(Path(args.taper).resolve(), classes, pictures, seed)
                if kept:
                    args.folder.mkdir(exist_ok=True, parents=True)
                    kept.write_text(json.dumps(found))
            rows.append((classes, pictures, found))
    percent = lambda shares: f"{100 * sum(shares) / len(shares):.1f}" if shares else "-"
    print("| classes x pictures | rates named | accuracy with them, % | with the recipe's, % |\n|---|---|--:|--:|")
    for classes, pictures in SETS:
        found = [row for c, p, row in rows if (c, p) == (classes, pictures)]
        named = [row for row in found if row["rate"] is not None]
        rates = ", ".join("none" if row["rate"] is None else f"{row['rate']:.1e}" for row in found)
        print(f"| {classes} x {pictures} | {rates} | {percent([row['with'] for row in named])} | {percent([row['usual'] for row in named])} |")
    named = [row for _, _, row in rows if row["rate"] is not None]
    low = sum(row["rate"] < 1e-5 for row in named)
    worst = min(row["with"] - row["usual"] for row in named)
    print(f"\n{len(rows)} runs: {len(named)} rates named, {low} of them below 1e-5; accuracy with them {percent([r['with'] for r in named])} %, "
          f"{percent([r['usual'] for r in named])} % with the recipe's, the worst {100 * worst:+.1f} points beside it")


if __name__ == "__main__":
    main()
