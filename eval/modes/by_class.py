"""--mode=evaluate --per_class: scores of a conditional generator, class by class, and by classifiers."""

import tempfile

import torch

from engine import distributed
from engine.errors import UserError
from engine.pictures import to_uint8
from engine.randomness import seeded
from eval.metrics import classifier, evaluate, protocol
from eval.modes.labels import is_conditional

SCORES = ("fid", "kid")  # of a class alone; others are of classes
BATCH = 256  # images drawn at a time


class ByClass:
    """Scores the classes of a conditional generator against the images of the protocol's split.

    KID and the Frechet distance of each class: its real images against as many generated ones. Few images
    make the latter singular, which its result says. Accuracy of generated images: that of a classifier
    trained on the real ones, on generated images, against the classes that they were made for (Shmelkov et
    al. 2018, "How good is my GAN?", GAN-test). Accuracy after generated images: of a classifier trained on
    generated ones, as many and of the same classes as the training images, on real test images (GAN-train;
    Ravuri and Vinyals 2019, classification accuracy score). Both classifiers are those of
    eval/metrics/classifier.py, whatever the extractor.

    Raises UserError for a run without --conditional, for several processes, and for data without the splits.
    """

    def __init__(self, args, data, extractor, metrics, trainer):
        self.args, self.extractor = args, extractor
        if not is_conditional(trainer):
            raise UserError(
                "--per_class: the run's generator is told no classes (--conditional); leave it out"
            )
        if distributed.world_size() > 1:
            raise UserError("--per_class: is for one process; leave out torchrun")
        self.metrics = [metric for metric in SCORES if metric in metrics]
        self.split = protocol.parse(args.protocol).split
        images, labels = classifier.labelled(data, self.split)
        self.references = {}
        for k in range(args.n_classes if self.metrics else 0):
            mine = images[labels == k]
            if len(mine) < 2:
                raise UserError(
                    f"--per_class: class {k} has {len(mine)} images in {self.split}; scores of a class need "
                    "two"
                )
            self.references[k] = evaluate.reference(
                mine, extractor, f"full-{self.split}", self.metrics, args.eval_batch_size
            )
        self.train, self.test = classifier.labelled(data, "train"), classifier.labelled(data, "test")

    def score(self, trainer):
        """The results of one checkpoint, as evaluate.evaluate gives them."""
        found = []
        for k, real in self.references.items():
            told = lambda n, k=k: torch.full((n,), k, device=trainer.device)
            for result in evaluate.evaluate(
                lambda n, told=told: trainer.generate(trainer.noise(n), told(n)),
                real,
                self.extractor,
                self.args.protocol,
                self.metrics,
                self.args.eval_batch_size,
                self.args.seed,
            ):
                name = f"{result['name']} of class {k}"
                found.append(result | {"name": name, "metric": f"{result['metric']} of class"})
        return found + self.accuracies(trainer)

    def accuracies(self, trainer):
        """Of generated images, and after them."""
        images, labels = self.train
        generated = self.generated(trainer, labels)
        net, _, digest = classifier.trained(self.train, self.test)
        of = classifier.accuracy(net, generated, labels)
        with tempfile.TemporaryDirectory() as folder:  # it is of this checkpoint, and not kept
            _, after, _ = classifier.trained((generated, labels), self.test, folder)
        common = {
            "std": None,
            "extractor": "classifier",
            "sha256": digest,
            "resize": "none",
            "singular": False,
        }
        common |= {"n_fake": len(generated), "seed": self.args.seed}
        return [
            common
            | {"metric": "accuracy of generated", "name": "accuracy of generated images", "value": of}
            | {"protocol": f"train on {len(images)}-train", "n_real": len(images), "split": "train"},
            common
            | {
                "metric": "accuracy after generated",
                "name": "accuracy after generated images",
                "value": after,
            }
            | {"protocol": "test on real test", "n_real": len(self.test[1]), "split": "test"},
        ]

    def generated(self, trainer, labels):
        """Images uint8 [N, C, H, W] of the classes int64 [N]."""
        made = []
        for i, y in enumerate(labels.split(BATCH)):
            with seeded(self.args.seed, "per_class", i):
                made.append(to_uint8(trainer.generate(trainer.noise(len(y)), y.to(trainer.device))).cpu())
        return torch.cat(made)
