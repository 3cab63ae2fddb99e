"""Loss and metrics of classifying scans."""

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
    """Cross-entropy, and where lesions are outlined, attention that is told to look at them.

    After every epoch the scores are calibrated on the validation split; what was fitted is kept with the weights, and
    every figure and prediction is made with it.

    Args:
        balanced: whether classes count alike in the loss, however many scans they have.
        label_smoothing: share of the target that is spread over all classes (Szegedy et al. 2016).
        mixup: parameter of the Beta distribution that mixes two scans into one (Zhang et al. 2018); 0 mixes none.
        look: weight of the cross-entropy between attention and the outlined lesions.
        find: weight of scoring every region for every kind of lesion, of networks that do.
        flips: whether a measured or predicted scan is seen mirrored as well, the scores averaged.
        urgent: classes that call for urgent referral, seen together against the rest.
        ordinal: whether the classes are a scale, so that quadratic kappa is told too.
        calibration: how scores are fitted to the validation split; a temperature unless given.
        start: checkpoint of this task whose weights training begins with, where names and shapes agree.
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
        """Look at a batch."""
        output: ScanOutput = self.net(batch.pixels, batch.bags)
        return output

    def on_fit_start(self) -> None:
        """Take over weights, and weigh the classes by the training part; raises UserError for bags without use."""
        if self.trainer.datamodule.bags != "scan" and not self.net.takes_bags:  # type: ignore[attr-defined]
            raise UserError("data.bags=patient needs a network that looks at several scans; set model=oct/mil")
        if self.start is not None:
            begin_with(self.net, Path(self.start))
        if self.balanced:
            counts = self.trainer.datamodule.class_counts().float()  # type: ignore[attr-defined]
            self._class_weights = (counts.sum() / (counts.clamp(min=1.0) * len(counts))).to(self.device)

    def compute_loss(self, batch: ScanBatch) -> Tensor:
        """Cross-entropy of the classes, and of where to look."""
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
        """Scores and label of every sample."""
        return {"logits": self.scores(batch), "labels": batch.labels}

    def scores(self, batch: ScanBatch) -> Tensor:
        """Class scores (N, C) before calibration; the mean over both flips where they are asked for."""
        logits = self.net(batch.pixels, batch.bags).logits
        return (logits + self.net(batch.pixels.flip(3), batch.bags).logits) / 2 if self.flips else logits

    def calibrate(self, samples: SampleResults) -> None:
        """Fit temperature and bias of the network to the validation split."""
        temperature, bias = self.calibration(samples["logits"].float().cpu(), samples["labels"].cpu())
        self.net.temperature.copy_(temperature)
        self.net.bias.copy_(bias)

    def compute_metrics(self, rows: SampleResults) -> dict[str, float]:
        """Accuracy and its kin, calibration, sensitivity and specificity of every class and of urgent referral."""
        labels = rows["labels"].cpu()
        log_shares = self.net.calibrated(rows["logits"].float()).cpu()
        shares, names = log_shares.exp(), self.net.class_names
        predicted = shares.argmax(1)
        counts = metrics.confusion(predicted, labels, len(names))
        told = {
            "loss": float(F.nll_loss(log_shares, labels)),
            "accuracy": float((predicted == labels).double().mean()),
            "balanced_accuracy": float(metrics.balanced_accuracy(counts)),
            "auroc": metrics.macro_auroc(shares, labels),
            "calibration_error": metrics.calibration_error(shares, labels),
            **metrics.bootstrap(predicted, labels, len(names)),
        }
        for name, found, spared in zip(names, metrics.recall(counts), metrics.specificity(counts), strict=True):
            told |= {f"sensitivity/{name}": float(found), f"specificity/{name}": float(spared)}
        if self.ordinal:
            told["kappa"] = metrics.kappa(counts)
        if 0 < len(self.urgent) < len(names):
            told |= self._urgency(shares, labels, predicted)
        return {name: value for name, value in told.items() if value == value}  # NaN: the split lacks a class

    def _urgency(self, shares: Tensor, labels: Tensor, predicted: Tensor) -> dict[str, float]:
        wanted = torch.tensor(self.urgent)
        urgent, called = torch.isin(labels, wanted), torch.isin(predicted, wanted)
        return {
            "urgent_auroc": auroc(shares[:, wanted].sum(1), urgent),
            "urgent_sensitivity": float(called[urgent].double().mean()),
            "urgent_specificity": float((~called)[~urgent].double().mean()),
        }


def begin_with(net: nn.Module, path: Path) -> None:
    """Copy the weights of a checkpoint into ``net``, those whose name and shape it has; raises UserError for none."""
    own = net.state_dict()
    found = {name.removeprefix("net."): tensor for name, tensor in checkpoint_file.load(path)["state_dict"].items()}
    fitting = {name: tensor for name, tensor in found.items() if name in own and own[name].shape == tensor.shape}
    if not any(name.endswith("weight") for name in fitting):
        raise UserError(f"module.start={path} has no weights that fit this network; train it with the same model")
    logger.info("%d of %d tensors begin as in %s", len(fitting), len(own), path)
    sharded_weights.load_full_state(net, fitting, strict=False)
