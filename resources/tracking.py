"""Experiment tracking: one MLflow run per training run, SQLite store, local artifacts. Nothing is decided from it.

MLflow is imported when used: a code location loads without it. The schema is created once at set-up, because
several processes that create it at the same moment all fail.
"""

import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Tracking:
    """MLflow under one folder: `<root>/mlflow.db` and `<root>/mlflow-artifacts`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = f"sqlite:///{(root / 'mlflow.db').resolve()}"

    def prepare(self) -> None:
        """Create the schema; harmless when it exists."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        self.root.mkdir(parents=True, exist_ok=True)
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # alembic and sqlalchemy deprecations of MLflow's own migrations
            SqlAlchemyStore(self.uri, (self.root / "mlflow-artifacts").resolve().as_uri())

    def record(
        self,
        experiment: str,
        run_name: str,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        files: Mapping[str, bytes],
    ) -> str:
        """Log one finished training run; returns its MLflow run id.

        files : artifact name -> content, at most a few MB: the bundle itself lives in the registry
        """
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        if not (self.root / "mlflow.db").exists():
            self.prepare()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside MLflow's own imports
            from mlflow import MlflowClient

            client = MlflowClient(tracking_uri=self.uri)
            run = client.create_run(
                _experiment_id(client, experiment, self.root), run_name=run_name, tags=dict(tags)
            )
            run_id: str = run.info.run_id
            _log(client, run_id, params, metrics)
            with tempfile.TemporaryDirectory() as folder:
                for name, content in files.items():
                    (Path(folder) / name).write_bytes(content)
                    client.log_artifact(run_id, str(Path(folder) / name))
            client.set_terminated(run_id)
        return run_id


def _log(client: Any, run_id: str, params: Mapping[str, object], metrics: Mapping[str, float]) -> None:
    from mlflow.entities import Metric, Param

    client.log_batch(
        run_id,
        metrics=[Metric(name, float(value), 0, 0) for name, value in metrics.items()],
        params=[Param(name, str(value)[:500]) for name, value in params.items()],
    )


def _experiment_id(client: Any, name: str, root: Path) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(
            client.create_experiment(name, artifact_location=(root / "mlflow-artifacts").resolve().as_uri())
        )
    except MlflowException:
        # Another training run created it between the look and the creation.
        again = client.get_experiment_by_name(name)
        if again is None:
            raise
        return str(again.experiment_id)
