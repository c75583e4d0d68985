"""Scores of a run: the metrics that the flags name, computed of a trainer and written to the run's folder."""

from engine import checkpoint, distributed
from eval.metrics import evaluate, extractors
from eval.metrics.directions import HIGHER, direction
from eval.metrics.results import write_results
from eval.modes.by_class import ByClass
from eval.modes.restoring import standing_words


def reference_of(args, data, extractor, metrics):
    """The Reference that the flags ask for: of the data, or of another tool's file."""
    if args.real_statistics:
        return evaluate.from_file(args.real_statistics, extractor, args.protocol, metrics)
    found = evaluate.reference(
        data, extractor, args.protocol, metrics, args.eval_batch_size, splits=args.is_splits
    )
    return evaluate.add_pair(found, data, extractor, metrics, args.eval_batch_size)


class Scorer:
    """Makes the extractor and the statistics of real images once, then scores a trainer at many steps.

    data: {split: DataIterator}. Raises, before any training, MissingError for missing weights and UserError
    for flags that do not fit.
    """

    def __init__(self, args, data, device, run):
        self.args, self.run, self.data = args, run, data
        self.extractor = extractors.get(args.extractor, device, extractors.weights_of(args), data)
        metrics = args.metrics or (["fid", "is", "kid"] if self.extractor.has_logits else ["fid", "kid"])
        self.metrics = list(dict.fromkeys(metrics))
        self.reference = reference_of(args, data, self.extractor, self.metrics)
        self.best, self.by_class = None, None

    def add_classes(self, trainer):
        """Also scores the classes of a conditional generator; see ByClass."""
        self.by_class = ByClass(self.args, self.data, self.extractor, self.metrics, trainer)

    def describe(self):
        """A line for the log: metrics, extractor and real images."""
        e, real = self.extractor, self.reference
        return (
            f"evaluates {', '.join(self.metrics)} with {e.name} ({e.why}; {e.description}; "
            f"sha256 {e.sha256[:12]}), {real.describe()}" + (f"; {real.note}" if real.note else "")
        )

    def notes(self, results):
        """Notes on the results: one line if a Frechet distance is from too few images."""
        few = [result for result in results if result["singular"]]
        n = min((min(result["n_real"] or result["n_fake"], result["n_fake"]) for result in few), default=0)
        return [f"note: {evaluate.few_images(n, self.extractor.dim)}"] if few else []

    def score(self, trainer, step, name):
        """The results at this step, in every process. name: the checkpoint's.

        They are written to evaluations.jsonl, where they replace older ones of the same step.
        """
        results = []
        with trainer.evaluating():
            # an autoencoder has no samples from noise; its mixes and reconstructions are scored
            for kind, sample_fn in trainer.sample_fns(self.data).items():
                for result in evaluate.evaluate(
                    sample_fn,
                    self.reference,
                    self.extractor,
                    self.args.protocol,
                    self.metrics,
                    self.args.eval_batch_size,
                    self.args.seed,
                    splits=self.args.is_splits,
                ):
                    results.append(
                        result
                        | {
                            "name": result["name"]
                            + (f" of {kind}" if kind else "")
                            + standing_words(self.args),
                        }
                    )
            if self.by_class:
                results += self.by_class.score(trainer)
        results = [r | {"step": step, "ema": self.args.ema, "checkpoint": name} for r in results]
        if distributed.rank() == 0:
            write_results(self.run, step, results)
        return results

    def event(self, trainer, save_best):
        """function(step) for the loop: scores {"eval/<name>": value}.

        It calls save_best(step) when the first metric is better than at every step before.
        """

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
