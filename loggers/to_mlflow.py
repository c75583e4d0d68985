"""--log_to loggers/to_mlflow.py: MLflow, in a database in the run's folder, or where MLFLOW_TRACKING_URI is.

Needs pip install mlflow. `mlflow ui --backend-store-uri sqlite:///<run>/mlflow.db` shows it. Each start is an
MLflow run of its own.
"""

import os


def start(folder, flags, step):
    """A client and the id of a new run."""
    from mlflow import MlflowClient

    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{os.path.join(folder, 'mlflow.db')}"
    client, title = MlflowClient(tracking_uri=uri), os.environ.get("MLFLOW_EXPERIMENT_NAME", "gan-mixup")
    found = client.get_experiment_by_name(title)
    where = None if "MLFLOW_TRACKING_URI" in os.environ else os.path.join(folder, "mlflow")
    experiment = found.experiment_id if found else client.create_experiment(title, artifact_location=where)
    run = client.create_run(experiment, run_name=f"{flags['name']}/s{flags['seed']} from step {step}")
    for name, value in flags.items():
        client.log_param(run.info.run_id, name, str(value)[:500])
    return client, run.info.run_id


def log(session, step, values, pictures):
    """Scalars, and pictures as artifacts."""
    client, run = session
    for name, value in values.items():
        client.log_metric(run, name.replace(",", ""), value, step=step)
    for path in pictures.values():
        client.log_artifact(run, path, "samples")


def stop(session, state):
    """Says how it ended."""
    client, run = session
    states = {"finished": "FINISHED", "interrupted": "KILLED"}
    client.set_terminated(run, states.get(state, "FAILED"))
