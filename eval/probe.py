"""Linear probes of frozen codes: logistic regression chosen on validation and reported on test; PCA; how clusters of classes lie.

Functions of arrays: codes [n, d] (or images, flattened by the caller) and labels [n] in 0 .. K-1.
"""
import numpy as np
import torch

GRID = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 0.0)                 # weights of the L2 penalty, each fitted from the one before


def linear_probe(train, valid, test, grid=GRID):
    """{"test", "valid", "train" accuracies, "l2", "dims", "converged"} of multinomial logistic regression on frozen codes.

    train, valid, test: pairs (codes [n, d], labels [n]). Codes are standardised by the train split's mean and deviation, dimensions
    that do not vary (deviation below 1e-8) dropped. The L2 weight is that of `grid` with the best valid accuracy, the larger one if
    several have it; test is looked at once, with that weight. Deterministic: convex, L-BFGS in float64.
    """
    scale = standardiser(train[0])
    data = [(scale(codes), torch.as_tensor(labels)) for codes, labels in (train, valid, test)]
    n_classes = int(data[0][1].max()) + 1
    best, start = None, None
    for l2 in sorted(grid, reverse=True):
        start, converged = fit(*data[0], n_classes, l2, start)
        right = accuracy(start, *data[1])
        if best is None or right > best[0]:
            best = right, l2, start, converged
    right, l2, weights, converged = best
    return {"test": accuracy(weights, *data[2]), "valid": right, "train": accuracy(weights, *data[0]), "l2": l2,
            "dims": data[0][0].shape[1], "converged": converged}


def standardiser(codes):
    """A function from codes [n, d] to float64 codes with the mean and deviation of these taken out, constant dimensions dropped."""
    codes = torch.as_tensor(codes).double()
    mean, std = codes.mean(0), codes.std(0, correction=0)
    kept = std >= 1e-8
    return lambda given: ((torch.as_tensor(given).double() - mean) / std)[:, kept]


def fit(codes, labels, n_classes, l2=0.0, start=None, steps=2000, tolerance=1e-5):
    """(weights [d + 1, K], whether the gradient's norm fell below the tolerance) minimising mean cross-entropy + l2/2 |W|^2.

    The last row is the bias, which is not penalised. With l2 = 0 and separable classes there is no minimum: `steps` ends it.
    """
    x = torch.cat([codes, codes.new_ones(len(codes), 1)], 1)
    target = torch.nn.functional.one_hot(labels, n_classes).double()
    decay = torch.full((x.shape[1], 1), float(l2), dtype=torch.float64)
    decay[-1] = 0

    def loss(flat):
        w = torch.from_numpy(flat).view(x.shape[1], n_classes)
        logp = torch.log_softmax(x @ w, 1)
        value = -(target * logp).sum() / len(x) + 0.5 * (decay * w * w).sum()
        gradient = x.t() @ (logp.exp() - target) / len(x) + decay * w
        return float(value), gradient.flatten().numpy()

    start = np.zeros(x.shape[1] * n_classes) if start is None else start.flatten().numpy()
    from scipy import optimize                           # here, since the launcher imports this file at each start
    # scipy bounds the largest entry of the gradient; over sqrt(entries) that bounds its norm
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B",
                              options={"maxiter": steps, "maxfun": 2 * steps, "maxcor": 20, "ftol": 0.0, "gtol": tolerance / len(start) ** 0.5})
    return torch.from_numpy(found.x).view(x.shape[1], n_classes), bool(np.linalg.norm(found.jac) < tolerance)


def accuracy(weights, codes, labels):
    """The share of codes [n, d] whose largest logit, under weights [d + 1, K], is that of their label."""
    return float(((codes @ weights[:-1] + weights[-1]).argmax(1) == labels).double().mean())


def pca(x, dims):
    """A function from rows [n, d] to their first `dims` principal components, those of the rows x; float64 [n, dims].

    At most d components. Raises ValueError for none.
    """
    if dims < 1:
        raise ValueError(f"{dims} components; 1 or more would do")
    mean, total = torch.as_tensor(x[:1]).double() * 0, 0
    for part in torch.as_tensor(x).split(4096):
        mean = mean + part.double().sum(0)
    mean = mean / len(x)
    for part in torch.as_tensor(x).split(4096):
        centred = part.double() - mean
        total = total + centred.t() @ centred
    _, vectors = torch.linalg.eigh(total / len(x))
    vectors = vectors.flip(1)[:, :dims]
    return lambda given: torch.cat([(part.double() - mean) @ vectors for part in torch.as_tensor(given).split(4096)])


def cluster_distance(points, labels):
    """Mean squared distance between the classes' centres after dividing the points [n, d] by their overall deviation.

    The original's measure of clusters in t-SNE plots: one deviation, over all entries of the centred points. For classes far apart
    it is large; for labels without meaning near 0.
    """
    points, labels = torch.as_tensor(points).double(), torch.as_tensor(labels)
    points = points - points.mean(0)
    points = points / points.std(correction=0).clamp_min(1e-12)
    centres = torch.stack([points[labels == label].mean(0) for label in labels.unique()])
    if len(centres) < 2:
        return 0.0
    return float(torch.pdist(centres).square().mean())
