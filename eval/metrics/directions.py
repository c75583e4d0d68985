"""Which way is better for each metric: one table. The choice of the best checkpoint, tables and reports read
it, without torch."""

import re

LOWER, HIGHER = "lower", "higher"

# metric: LOWER, HIGHER, or None where neither is better in itself
DIRECTIONS = {
    # eval/metrics/evaluate.py
    "fid": LOWER,
    "is": HIGHER,
    "kid": LOWER,
    "precision": HIGHER,
    "recall": HIGHER,
    "density": HIGHER,
    "coverage": HIGHER,
    "modes": HIGHER,
    "kl": LOWER,
    "entropy": HIGHER,
    "confidence": HIGHER,
    "cmmd": LOWER,
    "vendi": HIGHER,
    "fld": LOWER,
    "memorised": LOWER,
    "nearer": None,  # one half is aimed at
    # eval/modes/by_class.py
    "fid of class": LOWER,
    "kid of class": LOWER,
    "accuracy of generated": HIGHER,
    "accuracy after generated": HIGHER,
    # eval/modes/points.py
    "w1": LOWER,
    "js": LOWER,
    "mean": None,
    "std": None,
    "mode_mass": None,
    "high_quality": HIGHER,
    "reverse_kl": LOWER,
    # eval/modes/autoencoder.py; an untrained encoder is a yardstick, not something to improve
    "probe accuracy": HIGHER,
    "nnc_e": HIGHER,
    "nnc_e-": HIGHER,
    "cls_e": HIGHER,
    "cls_e-": HIGHER,
    "random nnc_e": None,
    "random nnc_e-": None,
    "random cls_e": None,
    "random cls_e-": None,
    "margin nnc_e": HIGHER,
    "margin nnc_e-": HIGHER,
    "margin cls_e": HIGHER,
    "margin cls_e-": HIGHER,
    "egr": LOWER,
    "egr_b": None,
    "factorvae score": HIGHER,
    "beta-vae score": HIGHER,
    # eval/modes/codes.py
    "line distance": LOWER,
    "line smoothness": LOWER,
    "cluster accuracy": HIGHER,
    # eval/modes/translation.py; the deviation of real backgrounds is aimed at, from either side
    "cycle error": LOWER,
    "label accuracy": HIGHER,
    "mask accuracy": HIGHER,
    "background deviation": None,
    # of --health (eval/metrics/health.py): watched, not aimed at
    **dict.fromkeys(("accuracy_both", "accuracy_real", "accuracy_fake", "accuracy_held_out", "r_t", "p")),
    **dict.fromkeys(("sigma_max", "grad_norm", "duplicates", "collapsed", "overfitting")),
    # keys of metrics.jsonl: whole, or what follows the last /
    "recon/valid": LOWER,
    "recon/test": LOWER,
    "valid_recon": LOWER,
    "test_error": LOWER,
    "valid_error": LOWER,
    "test_acc": HIGHER,
    "valid_acc": HIGHER,
}

# words of names that others give: titles of scores ("FD-classifier 1k-test"), keys of metrics.jsonl, users'
# metrics
WORDS = {word: better for word, better in DIRECTIONS.items() if better and word.isalnum()} | {
    "fd": LOWER,
    "mmd": LOWER,
    "wasserstein": LOWER,
    "wasserstein1": LOWER,
    "error": LOWER,
    "score": HIGHER,
    "accuracy": HIGHER,
    "acc": HIGHER,
    "quality": HIGHER,
}


def find(name):
    """The entry of DIRECTIONS for a metric, or for a key network/metric: a one-element tuple; empty where
    there is none."""
    for entry in (name.lower(), name.lower().rsplit("/", 1)[-1]):
        for known in (entry, re.sub(r"_\d+$", "", entry)):  # mode_mass_0 is one of mode_mass
            if known in DIRECTIONS:
                return (DIRECTIONS[known],)
    return ()


def direction(name):
    """LOWER or HIGHER, whichever is better for a metric: by DIRECTIONS, else by the words of its name; None
    where neither tells."""
    for better in find(name):
        return better
    found = {WORDS[word] for word in re.split(r"[^a-z0-9]+", name.lower()) if word in WORDS}
    return found.pop() if len(found) == 1 else None


def check(metric):
    """Raises ValueError for a metric that has no entry, not even None."""
    if not find(metric):
        raise ValueError(f"{metric}: its direction is unknown; add it to eval/metrics/directions.py")
