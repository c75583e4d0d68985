"""Results of a run's evaluations, written through `engine.results` to its evaluations.jsonl, which
`eval.tables` reads."""

from eval.metrics import directions


def write_results(run, step, results):
    """Writes the results of a step (dicts with "metric", "name", "value"); each replaces an older one of its
    step and name.

    Raises ValueError for a metric that `eval.metrics.directions` does not know: tables could not say which
    way is better.
    """
    for result in results:
        directions.check(result["metric"])
    run.results.write(step, [{"step": step} | result for result in results])


def append_result(run, step, metric, name, value, protocol, **more):
    """Writes one result. protocol: what was measured on what, in words; more: fields of
    `eval.reports.runs.PROTOCOL`."""
    result = {"metric": metric, "name": name, "value": value, "std": None, "protocol": protocol}
    write_results(run, step, [result | more])
