"""The LightningModule of scan classification."""

# B scans, N samples, C channels, H height, W width, K kinds of lesions

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.errors import UserError
from suite.metrics.auroc import auroc
from suite.training.base_task_module import OptimizerFactory
from suite.training.processes import sharded_weights
from suite.training.schedule import Schedule
from suite.training.state import checkpoint_file
from suite.training.task_module import SampleResults, TaskModule
from tasks.oct import metrics
from tasks.oct.batch import ScanBatch
from tasks.oct.calibration import Calibration, TemperatureScaling
from tasks.oct.losses import finding_loss, lesion_maps, looking_loss, mix
from tasks.oct.models.scan_net import ScanNet, ScanOutput

logger = logging.getLogger(__name__)


class ScanClassification(TaskModule):
    """Trains a network with cross-entropy, and with losses on attention and lesions for scans with outlined lesions.

    After each epoch the scores are calibrated on the validation split. The calibration is saved with the weights, and
    all metrics and predictions use it.

    Args:
        net: network of scans.
        optim: builds the optimiser.
        balanced: whether classes have equal weights in the loss.
        label_smoothing: fraction of the target that is spread over all classes (Szegedy et al. 2016).
        mixup: parameter of the Beta distribution that mixes two scans (Zhang et al. 2018); 0 for none.
        look: weight of ``looking_loss``, the cross-entropy between attention and outlined lesions.
        find: weight of ``finding_loss``, for networks that score each region for each kind of lesion.
        flips: whether the scores in evaluation are the mean over the scan and the mirrored scan.
        urgent: names of the classes that need urgent referral.
        ordinal: whether the classes are a scale, so that quadratic kappa is measured too.
        calibration: fitted to the validation split; None for ``TemperatureScaling``.
        start: checkpoint of this task for the initial weights; tensors of other names or shapes are ignored.
        schedule: of the learning rate.
    """

    net: ScanNet

    def __init__(
        self,
        net: ScanNet,
        optim: OptimizerFactory,
        balanced: bool = True,
        label_smoothing: float = 0.0,
        mixup: float = 0.0,
        look: float = 0.0,
        find: float = 0.0,
        flips: bool = False,
        urgent: Sequence[str] = (),
        ordinal: bool = False,
        calibration: Calibration | None = None,
        start: str | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        super().__init__(net, optim, schedule)
        self.balanced, self.label_smoothing, self.mixup = balanced, label_smoothing, mixup
        self.look, self.find, self.flips = look, find, flips
        self.urgent = [place for place, name in enumerate(net.class_names) if name in urgent]
        self.ordinal, self.start = ordinal, start
        self.calibration = TemperatureScaling() if calibration is None else calibration
        self._class_weights: Tensor | None = None

    def forward(self, batch: ScanBatch) -> ScanOutput:
        output: ScanOutput = self.net(batch.pixels, batch.bags)
        return output

    def on_fit_start(self) -> None:
        """Load initial weights and compute class weights. Raises UserError for bags that the network cannot use."""
        if self.trainer.datamodule.bags != "scan" and not self.net.takes_bags:  # type: ignore[attr-defined]
            raise UserError("data.bags=patient needs a network that takes several scans; set model=oct/mil")
        if self.start is not None:
            load_initial_weights(self.net, Path(self.start))
        if self.balanced:
            counts = self.trainer.datamodule.class_counts().float()  # type: ignore[attr-defined]
            self._class_weights = (counts.sum() / (counts.clamp(min=1.0) * len(counts))).to(self.device)

    def compute_loss(self, batch: ScanBatch) -> Tensor:
        """Return the sum of the cross-entropy and of the losses on attention and lesions."""
        target = F.one_hot(batch.labels, len(self.net.class_names)).float()
        pixels, lesions = batch.pixels, lesion_maps(batch.lesions)
        if self.mixup and len(batch) == len(pixels):
            own = torch.distributions.Beta(self.mixup, self.mixup).sample((len(batch),)).to(pixels)
            own = torch.maximum(own, 1 - own)
            pixels, target = (mix(x, own) for x in (pixels, target))
            lesions = None if lesions is None else mix(lesions, own)
        output: ScanOutput = self.net(pixels, batch.bags)
        smooth = target * (1 - self.label_smoothing) + self.label_smoothing / target.shape[1]
        weight = 1.0 if self._class_weights is None else target @ self._class_weights
        loss = -(smooth * output.logits.log_softmax(1)).sum(1)
        total = (loss * weight).mean()
        if lesions is not None and self.look:
            total = total + self.look * looking_loss(output.weights, lesions)
        if lesions is not None and self.find and output.lesions is not None:
            total = total + self.find * finding_loss(output.lesions, lesions)
        return total

    def per_sample(self, batch: ScanBatch) -> SampleResults:
        """Return scores and label of each sample."""
        return {"logits": self.scores(batch), "labels": batch.labels}

    def scores(self, batch: ScanBatch) -> Tensor:
        """Return class scores (N, C) before calibration; with ``flips``, the mean over both mirrorings."""
        logits = self.net(batch.pixels, batch.bags).logits
        return (logits + self.net(batch.pixels.flip(3), batch.bags).logits) / 2 if self.flips else logits

    def calibrate(self, samples: SampleResults) -> None:
        """Fit temperature and bias of the network to the validation split."""
        temperature, bias = self.calibration(samples["logits"].float().cpu(), samples["labels"].cpu())
        self.net.temperature.copy_(temperature)
        self.net.bias.copy_(bias)

    def compute_metrics(self, samples: SampleResults) -> dict[str, float]:
        """Return accuracy, AUROC, calibration error, and sensitivity and specificity of each class and of urgency."""
        labels = samples["labels"].cpu()
        log_shares = self.net.calibrated(samples["logits"].float()).cpu()
        shares, names = log_shares.exp(), self.net.class_names
        predicted = shares.argmax(1)
        counts = metrics.confusion(predicted, labels, len(names))
        values = {
            "loss": float(F.nll_loss(log_shares, labels)),
            "accuracy": float((predicted == labels).double().mean()),
            "balanced_accuracy": float(metrics.balanced_accuracy(counts)),
            "auroc": metrics.macro_auroc(shares, labels),
            "calibration_error": metrics.calibration_error(shares, labels),
            **metrics.bootstrap(predicted, labels, len(names)),
        }
        for name, found, spared in zip(names, metrics.recall(counts), metrics.specificity(counts), strict=True):
            values |= {f"sensitivity/{name}": float(found), f"specificity/{name}": float(spared)}
        if self.ordinal:
            values["kappa"] = metrics.kappa(counts)
        if 0 < len(self.urgent) < len(names):
            values |= self._urgency(shares, labels, predicted)
        return {name: value for name, value in values.items() if value == value}  # NaN: a class has no sample

    def _urgency(self, shares: Tensor, labels: Tensor, predicted: Tensor) -> dict[str, float]:
        wanted = torch.tensor(self.urgent)
        urgent, called = torch.isin(labels, wanted), torch.isin(predicted, wanted)
        return {
            "urgent_auroc": auroc(shares[:, wanted].sum(1), urgent),
            "urgent_sensitivity": float(called[urgent].double().mean()),
            "urgent_specificity": float((~called)[~urgent].double().mean()),
        }


def load_initial_weights(net: nn.Module, path: Path) -> None:
    """Copy the weights of a checkpoint whose names and shapes ``net`` has. Raises UserError if there are none."""
    own = net.state_dict()
    found = {name.removeprefix("net."): tensor for name, tensor in checkpoint_file.load(path)["state_dict"].items()}
    fitting = {name: tensor for name, tensor in found.items() if name in own and own[name].shape == tensor.shape}
    if not any(name.endswith("weight") for name in fitting):
        raise UserError(f"module.start={path} has no weights that fit this network; use a checkpoint of the same model")
    logger.info("%d of %d tensors are initialised from %s", len(fitting), len(own), path)
    sharded_weights.load_full_state(net, fitting, strict=False)
