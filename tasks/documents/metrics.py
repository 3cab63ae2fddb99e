"""Metrics of document classification."""

from suite.training.task_module import SampleResults


def classification_metrics(samples: SampleResults) -> dict[str, float]:
    """Return the mean ``loss`` and the ``accuracy``, from ``loss`` and ``correct`` of each document."""
    return {"loss": float(samples["loss"].double().mean()), "accuracy": float(samples["correct"].double().mean())}
