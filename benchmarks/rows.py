"""The table docs/rows.md: every published row beside its authors' network.

python -m benchmarks.rows > docs/rows.md. Rows are those of docs/published.json. Parameters here are those of
the networks that each row's script makes; those of the authors, what was compared and what still differs, are
docs/authors.json's.
"""

import json
import os
import subprocess

import torch

from engine import flags, setup
from engine.files import PROJECT

# what each iterator file offers to networks: shape of its data without --iterator_args size, classes
DATA = {
    "cifar10": ((3, 32, 32), 10),
    "cifar100": ((3, 32, 32), 100),
    "imagenet32": ((3, 32, 32), 1000),
    "stl10": ((3, 96, 96), 0),
    "mnist": ((1, 28, 28), 10),
    "svhn": ((3, 32, 32), 10),
    "stacked_mnist": ((3, 28, 28), 1000),
    "points2d": ((1, 1, 2), 0),
}
HEAD = """# Rows

Every row of `docs/published.json`, the network of its script, and the authors'. Made by

    python -m benchmarks.rows > docs/rows.md

from `docs/published.json` and `docs/authors.json`; a test compares them. Parameters are those that are
trained. The authors' are counted by running their code ("run") or from its source by hand ("hand"); "not
counted" says that neither was done.

| script | published | parameters here | the authors' | compared | what still differs |
|---|---|---|---|---|---|"""
ORDER = ("gen", "enc", "disc")


def read(name):
    """docs/<name>.json."""
    with open(os.path.join(PROJECT, "docs", name + ".json"), encoding="utf8") as file:
        return json.load(file)


def scripts():
    """{run name: path in the project} of the scripts of exps/."""
    found = {}
    for folder, _, names in os.walk(os.path.join(PROJECT, "exps")):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), PROJECT)
            with open(os.path.join(PROJECT, path), encoding="utf8") as file:
                _, _, rest = file.read().partition("task_launcher.py --name=")
            if rest:
                found[rest.split()[0]] = path
    return found


def arguments(script):
    """The parsed flags of a script, which the shell prints in place of running the launcher."""
    done = subprocess.run(
        ["sh", os.path.join(PROJECT, script)],
        env=os.environ | {"LAUNCH": r"printf %s\0"},
        capture_output=True,
        text=True,
        check=True,
    )
    return flags.parse(done.stdout.split("\0")[1:-1])


def networks(args):
    """The networks that a run with these flags makes, on the meta device: shapes alone."""
    words = args.iterator_args
    name = os.path.basename(str(words.get("base", args.iterator)))[:-3]
    (channels, height, width), n_classes = DATA[name]
    size = words.get("size")
    args.data_shape = (channels, size, size) if size else (channels, height, width)
    args.n_classes = n_classes
    with torch.device("meta"):
        return setup.networks(args)


def counted(nets):
    """{role: number of trained parameters}."""
    return {
        role: sum(p.numel() for p in nets[role].parameters() if p.requires_grad)
        for role in ORDER
        if role in nets
    }


def say(counts):
    """Counts as text: "gen 4,878,083, disc 10,141,441"."""
    return ", ".join(f"{role} {counts[role]:,}" for role in ORDER if role in counts)


def published(entries):
    """The numbers of a row: "FID 17.61 ± 0.3; IS 8.22"."""
    return "; ".join(
        f"{e['metric']} {float(e['value'])}" + (f" ± {float(e['std'])}" if e["std"] is not None else "")
        for e in entries
    )


def table():
    """The lines of the table's rows, in the order of docs/published.json."""
    rows = {}
    for entry in read("published"):
        rows.setdefault(entry["experiment"], []).append(entry)
    facts = {name: fact for fact in read("authors") for name in fact["experiments"]}
    paths = scripts()
    for name, entries in rows.items():
        fact, args = facts[name], arguments(paths[name])
        ours = counted(networks(args))
        if fact["counts"] is None:
            theirs = "not counted"
        else:
            ours = {role: n for role, n in ours.items() if role in fact["counts"]}
            same = "the same" if fact["counts"] == ours else say(fact["counts"])
            theirs = f"{same} ({fact['how']})"
        cells = [
            f"`{paths[name]}`",
            published(entries),
            say(ours),
            f"{theirs}: {fact['code']}",
            fact["compared"],
            fact["differs"],
        ]
        yield "| " + " | ".join(cells) + " |"


def main():
    """Prints the page."""
    flags.Parser(description=__doc__).parse_args()
    print(HEAD)
    for line in table():
        print(line)


if __name__ == "__main__":
    main()
