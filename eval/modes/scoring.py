"""Scores of a run: the evaluator's functions on a trainer, as the flags ask, written into the run's
folder."""

from engine import checkpoint, distributed
from eval.metrics import evaluate, extractors
from eval.metrics.directions import HIGHER, direction
from eval.metrics.results import write_results


class Scorer:
    """Extractor and real statistics, made once; then scores of a trainer at any number of steps.

    data: {split: DataIterator}. Raises MissingError for weights that are not there and UserError for flags
    that cannot be, both before any training.
    """

    def __init__(self, args, data, device, run):
        self.args, self.run, self.data = args, run, data
        self.extractor = extractors.get(args.extractor, device, args.inception_weights or None, data)
        metrics = args.metrics or (["fid", "is", "kid"] if self.extractor.has_logits else ["fid", "kid"])
        self.metrics = list(dict.fromkeys(metrics))
        self.reference = evaluate.reference(
            data, self.extractor, args.protocol, self.metrics, args.eval_batch_size
        )
        self.best = None

    def describe(self):
        """What is measured with, in one line for the log."""
        e = self.extractor
        return (
            f"evaluates {', '.join(self.metrics)} with {e.name} ({e.why}; {e.description}; sha256 "
            f"{e.sha256[:12]}), {self.reference.n_real} real images of {self.reference.split}"
        )

    def notes(self, results):
        """What a reader of the results must know: one line for a Frechet distance from too few images."""
        few = [result for result in results if result["singular"]]
        n = min((min(result["n_real"], result["n_fake"]) for result in few), default=0)
        return (
            [f"note: {evaluate.few_images(n, self.extractor.dim)}, as in --protocol=10k-train"] if few else []
        )

    def score(self, trainer, step, name):
        """The results at this step, in every process; noted in evaluations.jsonl, where they replace older
        ones of the same step. name: of the checkpoint."""
        results = []
        with trainer.evaluating():
            # an autoencoder has no samples of its own, but mixes and reconstructions of images
            for kind, sample_fn in trainer.sample_fns(self.data).items():
                for result in evaluate.evaluate(
                    sample_fn,
                    self.reference,
                    self.extractor,
                    self.args.protocol,
                    self.metrics,
                    self.args.eval_batch_size,
                    self.args.seed,
                ):
                    results.append(
                        result
                        | {
                            "name": result["name"] + (f" of {kind}" if kind else ""),
                            "step": step,
                            "ema": self.args.ema,
                            "checkpoint": name,
                        }
                    )
        if distributed.rank() == 0:
            write_results(self.run, step, results)
        return results

    def event(self, trainer, save_best):
        """function(step) for the loop: scores, as {"eval/<name>": value}; calls save_best(step) when the
        first metric has never been better."""

        def measure(step):
            results = self.score(trainer, step, checkpoint.path_of("", step))
            first = results[0]
            sign = 1 if direction(first["metric"]) == HIGHER else -1
            key = f"eval/{first['name']}"
            if self.best is None:
                earlier = [
                    record[key]
                    for record in self.run.metrics.read()
                    if record["step"] < step and isinstance(record.get(key), float)
                ]
                self.best = max((sign * value for value in earlier), default=-float("inf"))
            if distributed.on_rank0(lambda: sign * first["value"] > self.best):
                self.best = sign * first["value"]
                save_best(step)
            return {f"eval/{result['name']}": result["value"] for result in results}

        return measure
