"""Training one network on one set of inputs: the loop, its settings, and the scikit-learn face of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import nn
from torch.nn import functional

from engines.networks import open_network
from engines.networks.weights import load_weights
from offline.augmentation import jittered
from offline.recipes import Jitter, Recipe
from offline.systems.variation import copies_of, varied

# What a network is given: one array as a tensor, a structured one as a tensor for each of its names.
Inputs = torch.Tensor | dict[str, torch.Tensor]

# Called after each epoch with its number from 1; must leave the network as it found it.
AfterEpoch = Callable[[int, nn.Module], None]


def train(
    network: str,
    maps: NDArray[Any],
    labels: NDArray[np.int64],
    recipe: Recipe,
    *,
    classes: int = 3,
    seed: int = 0,
    device: str = "cpu",
    weights: Path | None = None,
    precision: str = "float32",
    after_epoch: AfterEpoch | None = None,
) -> tuple[nn.Module, list[tuple[float, float]]]:
    """Train a fresh network and return it in evaluation mode with (mean loss, accuracy) of each training
    epoch.

    ``maps`` (N, ...) is what the network reads of N clips, such as float32 (N, 3, 28, 28) in 0..1; ``labels``
    int64 (N,); ``weights`` a file of pretrained ones to begin with; ``precision`` one of PRECISIONS. On the CPU two
    calls with one seed give identical weights, whatever else the machine does. Raises InputError for weights that do
    not fit.
    """
    torch.set_num_threads(1)  # sums in another order are other sums; folds are what runs in parallel
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    chance = torch.Generator().manual_seed(seed + 1)
    model = open_network(network, classes)
    if weights is not None:
        load_weights(model, weights, classes)
    order_in_memory = torch.channels_last if recipe.channels_last else torch.contiguous_format
    model = _laid_out(model.to(device), order_in_memory).train()
    x, y = _tensors(maps, device), torch.tensor(labels, device=device)
    optimiser = _optimiser(model, recipe)
    weight = _class_weights(y, classes, recipe.class_weight)
    own_loss = getattr(model, "training_loss", None)
    changing = recipe.jitter != Jitter()
    shown = len(y) * copies_of(recipe.pictures)
    rng = np.random.default_rng(seed)
    history = []
    for epoch in range(1, recipe.epochs + 1):
        model.train()
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * 0.1 ** ((epoch - 1) // recipe.step if recipe.step else 0)
        places = torch.randperm(shown, generator=order) if recipe.shuffle else torch.arange(shown)
        total, hits = 0.0, 0
        for batch in _batches(places.to(device), recipe.batch):
            truth = y[batch % len(y)]
            if recipe.pictures:
                inputs = _tensors(varied(maps, batch.cpu().numpy(), recipe.pictures, rng), device)
            else:
                inputs = _rows(x, batch)
            if changing and isinstance(inputs, torch.Tensor):
                inputs = jittered(inputs, recipe.jitter, chance)
            if isinstance(inputs, torch.Tensor) and inputs.ndim == 4:
                inputs = inputs.contiguous(memory_format=order_in_memory)
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
                if own_loss is not None:
                    logits, loss = own_loss(inputs, truth, weight)
                else:
                    logits = model(inputs)
                    loss = _loss(logits.float(), truth, weight, recipe.loss)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch)
            hits += int((logits.argmax(1) == truth).sum())
        history.append((total / shown, hits / shown))
        if recipe.settle and epoch == recipe.epochs:
            _settle(model, x, recipe.batch)
        if after_epoch is not None:
            state = torch.random.get_rng_state()
            model.eval()
            after_epoch(epoch, model)
            torch.random.set_rng_state(state)
    return _laid_out(model, torch.contiguous_format).eval(), history


def _laid_out(model: nn.Module, order: torch.memory_format) -> nn.Module:
    moved: nn.Module = model.to(memory_format=order)  # type: ignore[call-overload]  # torch's types lack this form
    return moved


def _settle(model: nn.Module, x: Inputs, batch: int) -> None:
    """Give batch norm the mean statistics of the training inputs, batch by batch, under the weights as they are."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
    count = len(x if isinstance(x, torch.Tensor) else next(iter(x.values())))
    with torch.no_grad():
        for places in _batches(torch.arange(count), batch):
            model(_rows(x, places))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _loss(logits: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor | None, kind: str) -> torch.Tensor:
    if kind == "hinge":  # paper 003, eq. 12
        return functional.multi_margin_loss(logits, labels, weight=weight)
    return functional.cross_entropy(logits, labels, weight)


def _tensor(maps: NDArray[Any], device: torch.device | str) -> torch.Tensor:
    """A copy in plain order: in another order convolutions round otherwise, and pickling changes the order.

    Bytes stay bytes, everything else becomes float32.
    """
    kind = np.uint8 if maps.dtype == np.uint8 else np.float32
    return torch.from_numpy(np.array(maps, kind, order="C")).to(device)


def _tensors(maps: NDArray[Any], device: torch.device | str) -> Inputs:
    if maps.dtype.names is None:
        return _tensor(maps, device)
    return {name: _tensor(maps[name], device) for name in maps.dtype.names}


def _rows(inputs: Inputs, places: torch.Tensor) -> Inputs:
    if isinstance(inputs, torch.Tensor):
        return inputs[places]
    return {name: tensor[places] for name, tensor in inputs.items()}


def _batches(places: torch.Tensor, size: int) -> list[torch.Tensor]:
    batches = list(torch.split(places, size))
    if len(batches) > 1 and len(batches[-1]) == 1:  # batch norm has no variance of one sample
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(
            model.parameters(), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay
        )
    if recipe.optimiser != "adam":
        raise ValueError(f"optimiser {recipe.optimiser!r} is neither adam nor sgd")
    # fused: one pass over the weights instead of a dozen, which is most of a step of the larger networks
    return torch.optim.Adam(
        model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )


def _class_weights(labels: torch.Tensor, classes: int, power: float) -> torch.Tensor | None:
    if power == 0:
        return None
    counts = torch.bincount(labels, minlength=classes).clamp_min(1).float()
    return (len(labels) / classes / counts) ** power


def logits_of(model: nn.Module, maps: NDArray[Any], batch: int = 64) -> NDArray[np.float32]:
    """Float32 (N, classes) of a network in evaluation mode, on its own device."""
    device = next(model.parameters()).device
    with torch.no_grad():
        parts = [
            model(_tensors(maps[i : i + batch], device)).cpu().numpy() for i in range(0, len(maps), batch)
        ]
    return np.concatenate(parts)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (N, C) of logits (N, C)."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


class NetworkRecogniser(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A network of engines.networks as a scikit-learn classifier over what it reads of N clips, such as flow maps
    (N, 3, 28, 28).

    ``members`` networks are trained from different seeds and their logits averaged. ``epochs`` None is the
    recipe's; ``weights`` a file of pretrained ones. After ``fit``: ``networks_`` and ``history_``, loss and accuracy
    of each training epoch, means over members.
    """

    def __init__(
        self,
        network: str,
        recipe: Recipe,
        classes: int = 3,
        epochs: int | None = None,
        seed: int = 0,
        device: str = "cpu",
        members: int = 1,
        weights: Path | None = None,
        precision: str = "float32",
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.classes = classes
        self.epochs = epochs
        self.seed = seed
        self.device = device
        self.members = members
        self.weights = weights
        self.precision = precision

    def fit(self, X: NDArray[Any], y: NDArray[np.int64]) -> Self:
        """Train on maps and labels; the last epoch's network is kept, whatever came before it."""
        return self.fit_watched(X, y, None)

    def fit_watched(self, X: NDArray[Any], y: NDArray[np.int64], watched: NDArray[Any] | None) -> Self:
        """``fit``, noting what each epoch's network predicts for ``watched`` maps, of which no label is
        known here.

        For the audit alone: ``watched_`` is then int64 (epochs, N). It has no influence on the training.
        """
        recipe = self.recipe if self.epochs is None else replace(self.recipe, epochs=self.epochs)
        seen = None if watched is None else np.zeros((recipe.epochs, len(watched), self.classes), np.float32)

        def note(epoch: int, model: nn.Module) -> None:
            if seen is not None and watched is not None:
                seen[epoch - 1] += logits_of(model, watched)

        self.classes_ = np.arange(self.classes)
        self.networks_, histories = [], []
        for member in range(self.members):
            network, history = train(
                self.network,
                X,
                y,
                recipe,
                classes=self.classes,
                seed=self.seed * 1000 + member,
                device=self.device,
                weights=self.weights,
                precision=self.precision,
                after_epoch=None if watched is None else note,
            )
            self.networks_.append(network)
            histories.append(history)
        self.history_ = np.mean(histories, 0)
        self.watched_ = None if seen is None else seen.argmax(2)
        return self

    def logits(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (N, classes), the mean of the members'."""
        return np.asarray(np.mean([logits_of(network, X) for network in self.networks_], 0), np.float32)

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (N, classes)."""
        return softmax(self.logits(X))

    def predict(self, X: NDArray[Any]) -> NDArray[np.int64]:
        """Int64 (N,), the likeliest class."""
        return np.asarray(self.logits(X).argmax(1), np.int64)

    def features(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (N, D): what the first member's classifying part is given; its logits where it does not
        say.
        """
        network = self.networks_[0]
        features: Any = getattr(network, "features", None)
        if not callable(features) or isinstance(features, nn.Module):
            return logits_of(network, X)
        with torch.no_grad():
            maps = _tensors(X, next(network.parameters()).device)
            return np.asarray(features(maps).cpu().numpy(), np.float32)
