"""Probes of frozen codes: logistic regression, nearest neighbour, PCA, the distance between clusters of
classes.

Functions of arrays: codes [n, d] (or images, flattened by the caller) and labels [n] in 0 .. K-1.
"""

import numpy as np
import torch

from trainers.batchnorm import batch_norms

GRID = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 0.0)  # L2 weights; each fit starts from the previous one


def linear_probe(train, valid, test, grid=GRID):
    """{"test", "valid", "train" accuracies, "l2", "dims", "converged"} of multinomial logistic regression on
    frozen codes.

    train, valid, test: pairs (codes [n, d], labels [n]). Codes are standardised by the train split's mean and
    deviation; constant dimensions (deviation below 1e-8) are dropped. Of `grid` the L2 weight with the best
    valid accuracy is taken, the largest of several; test is used once, with that weight. Deterministic: a
    convex problem, solved by L-BFGS in float64.
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
    return {
        "test": accuracy(weights, *data[2]),
        "valid": right,
        "train": accuracy(weights, *data[0]),
        "l2": l2,
        "dims": data[0][0].shape[1],
        "converged": converged,
    }


def standardiser(codes):
    """A function that standardises codes [n, d] by the mean and deviation of these, without constant
    dimensions; float64."""
    codes = torch.as_tensor(codes).double()
    mean, std = codes.mean(0), codes.std(0, correction=0)
    varying = std >= 1e-8
    return lambda given: ((torch.as_tensor(given).double() - mean) / std)[:, varying]


def fit(codes, labels, n_classes, l2=0.0, start=None, steps=2000, tolerance=1e-5):
    """(weights W [d + 1, K], converged) minimising the mean cross-entropy + l2/2 |W|^2.

    The last row of W is the bias, which is not penalised. converged: whether the gradient's norm fell below
    `tolerance`. With l2 = 0 and separable classes there is no minimum, and `steps` is the limit. The
    optimisation is over U in W = P U with P = (0.1 x'x / n + l2)^(-1/2), an approximate inverse root of the
    Hessian (0.1 stands for the mean of p (1 - p)). The minimum is the same, and strongly correlated codes
    take tens of steps instead of thousands.
    """
    x = torch.cat([codes, codes.new_ones(len(codes), 1)], 1)
    target = torch.nn.functional.one_hot(labels, n_classes).double()
    decay = torch.full((x.shape[1], 1), float(l2), dtype=torch.float64)
    decay[-1] = 0
    curvature, vectors = torch.linalg.eigh(0.1 * x.t() @ x / len(x) + torch.diag(decay[:, 0]))
    root = curvature.clamp_min(1e-8 * float(curvature[-1])).sqrt()
    scale = vectors / root @ vectors.t()

    def loss(flat):
        w = scale @ torch.from_numpy(flat).view(x.shape[1], n_classes)
        logp = torch.log_softmax(x @ w, 1)
        value = -(target * logp).sum() / len(x) + 0.5 * (decay * w * w).sum()
        gradient = x.t() @ (logp.exp() - target) / len(x) + decay * w
        return float(value), (scale @ gradient).flatten().numpy()

    unscale = vectors * root @ vectors.t()
    start = np.zeros(x.shape[1] * n_classes) if start is None else (unscale @ start).flatten().numpy()
    from scipy import optimize  # here, since the launcher imports this file at each start

    # scipy bounds the largest entry of U's gradient; divided by sqrt(entries) and the largest root, W's norm
    # is bounded
    found = optimize.minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": steps,
            "maxfun": 2 * steps,
            "maxcor": 20,
            "ftol": 0.0,
            "gtol": tolerance / len(start) ** 0.5 / float(root[-1]),
        },
    )
    gradient = unscale @ torch.from_numpy(found.jac).view(x.shape[1], n_classes)
    return scale @ torch.from_numpy(found.x).view(x.shape[1], n_classes), bool(gradient.norm() < tolerance)


def accuracy(weights, codes, labels):
    """The share of codes [n, d] whose largest logit, with weights [d + 1, K], is that of their label."""
    return float(((codes @ weights[:-1] + weights[-1]).argmax(1) == labels).double().mean())


def nearest_neighbour(train, test, batch=1024):
    """The share of test codes whose nearest training code (Euclidean; the first of several) has their label.

    train, test: pairs (codes [n, d], labels [n]). Distances are computed in float64, after subtracting the
    training mean.
    """
    train_codes, train_labels = torch.as_tensor(train[0]).double(), torch.as_tensor(train[1])
    test_codes, test_labels = map(torch.as_tensor, test)
    mean = train_codes.mean(0)
    train_codes = train_codes - mean
    squares = train_codes.square().sum(1)
    right = 0
    for codes, labels in zip(test_codes.split(batch), test_labels.split(batch)):
        # |a|^2 of the test code is left out: it is the same for all training codes
        nearest = torch.addmm(squares, codes.double() - mean, train_codes.T, alpha=-2).argmin(1)
        right += int((train_labels[nearest] == labels).sum())
    return right / len(test_labels)


@torch.no_grad()
def estimate_batch_norm(net, batches, call=None):
    """Sets the running statistics of every batch norm of `net` to their means over batches. Leaves net in
    evaluation mode. Returns net.

    call(batch): a pass of a batch through net, by default net(batch). An untrained network has no statistics
    yet, so that in evaluation mode its activations would not be those that training starts from.
    """
    norms = batch_norms(net)
    momenta = [m.momentum for m in norms]
    net.eval()
    for m in norms:
        m.reset_running_stats()
        m.momentum = None  # the plain mean over batches
        m.train()
    for batch in batches if norms else ():
        (call or net)(batch)
    for m, momentum in zip(norms, momenta):
        m.momentum = momentum
    return net.eval()


def pca(x, dims):
    """A function from rows [n, d] to their first `dims` principal components of x (at most d): float64 [n,
    dims].

    Raises ValueError for dims below 1.
    """
    if dims < 1:
        raise ValueError(f"given {dims} components; must be 1 or more")
    mean, total = torch.as_tensor(x[:1]).double() * 0, 0
    for part in torch.as_tensor(x).split(4096):
        mean = mean + part.double().sum(0)
    mean = mean / len(x)
    for part in torch.as_tensor(x).split(4096):
        centred = part.double() - mean
        total = total + centred.t() @ centred
    _, vectors = torch.linalg.eigh(total / len(x))
    vectors = vectors.flip(1)[:, :dims]
    return lambda given: torch.cat(
        [(part.double() - mean) @ vectors for part in torch.as_tensor(given).split(4096)]
    )


def whitener(codes):
    """A function from codes [n, d] to float64 [n, d] whose axes are these codes' principal ones, each with
    the same variance: ((h - mean) V) / (s + 1e-5), with singular values s and vectors V.

    Of the code of Berthelot et al. 2018, which whitens codes before it clusters them.
    """
    codes = torch.as_tensor(codes).double()
    mean = codes.mean(0)
    _, s, vh = torch.linalg.svd(codes - mean, full_matrices=False)
    return lambda given: (torch.as_tensor(given).double() - mean) @ vh.t() / (s + 1e-5)


def cluster_accuracy(clusters, labels, k):
    """The share of examples whose cluster is matched with their class, by the best matching of k clusters
    with k classes (Kuhn 1955, the Hungarian method).

    clusters, labels: int64 [n] in 0 .. k-1.
    """
    from scipy import optimize  # here, since the launcher imports this file at each start

    table = torch.bincount(clusters * k + labels, minlength=k * k).view(k, k).numpy()
    return float(table[optimize.linear_sum_assignment(table, maximize=True)].sum() / len(labels))


def cluster_distance(points, labels):
    """Mean squared distance between the centres of classes, with points [n, d] standardised axis by axis.

    It is the measure of clusters in t-SNE plots of the original code of adversarial mixup resynthesis (its
    tools.py, generate_tsne): a mean over pairs of classes. It is large for classes far apart, and near 0 for
    random labels.
    """
    points, labels = torch.as_tensor(points).double(), torch.as_tensor(labels)
    points = points - points.mean(0)
    points = points / points.std(0, correction=0).clamp_min(1e-12)
    centres = torch.stack([points[labels == label].mean(0) for label in labels.unique()])
    if len(centres) < 2:
        return 0.0
    return float(torch.pdist(centres).square().mean())
