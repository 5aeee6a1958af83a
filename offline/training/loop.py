"""Training one network on one set of inputs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from engines.networks import open_network
from engines.networks.recipes import Jitter, Recipe
from engines.networks.weights import load_weights
from offline.training.early_stopping import Held, hold_out
from offline.training.maps import jittered
from offline.training.options import DEFAULT, Training
from offline.training.pictures import copies_of, varied

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
    training: Training = DEFAULT,
    after_epoch: AfterEpoch | None = None,
    people: NDArray[Any] | None = None,
) -> tuple[nn.Module, list[tuple[float, float]]]:
    """Train a fresh network and return it in evaluation mode with (mean loss, accuracy) of each training
    epoch.

    ``maps`` (N, ...) is what the network reads of N clips, such as float32 (N, 3, 28, 28) in 0..1; ``labels``
    int64 (N,); ``people`` (N,) who is seen, which early stopping needs. On the CPU two calls with one seed give
    identical weights, whatever else the machine does. Raises InputError for weights that do not fit, and where
    early stopping has no two people.
    """
    held = None
    if recipe.patience:
        training_rows, held_rows = hold_out(people, training.seed)
        held = Held(_loss_on(maps[held_rows], labels[held_rows], recipe.loss), recipe.patience)
        maps, labels = maps[training_rows], labels[training_rows]
    seed, device = training.seed, training.device
    epochs = recipe.epochs if training.epochs is None else training.epochs
    torch.set_num_threads(1)  # sums in another order are other sums; folds are what runs in parallel
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    chance = torch.Generator().manual_seed(seed + 1)
    model = open_network(network, classes)
    if training.weights is not None:
        load_weights(model, training.weights, classes)
    order_in_memory = torch.channels_last if recipe.channels_last else torch.contiguous_format
    model = _laid_out(model.to(device), order_in_memory).train()
    x, y = tensors(maps, device), torch.tensor(labels, device=device)
    optimiser = _optimiser(model, recipe)
    weight = _class_weights(y, classes, recipe.class_weight)
    own_loss = getattr(model, "training_loss", None)
    changing = recipe.jitter != Jitter()
    clips = balanced(labels, classes) if recipe.balanced else np.arange(len(y))
    listed = torch.from_numpy(np.add.outer(np.arange(copies_of(recipe.pictures)) * len(y), clips).ravel())
    rng = np.random.default_rng(seed)
    history = []
    for epoch in range(1, epochs + 1):
        model.train()
        for group in optimiser.param_groups:
            rate = recipe.learning_rate * group["times"]
            group["lr"] = rate * 0.1 ** ((epoch - 1) // recipe.step if recipe.step else 0)
        places = listed[_places(len(listed), recipe, order)]
        total, hits, shown = 0.0, 0, len(places)
        for batch in _batches(places.to(device), recipe.batch):
            truth = y[batch % len(y)]
            if recipe.pictures:
                inputs = tensors(varied(maps, batch.cpu().numpy(), recipe.pictures, rng), device)
            else:
                inputs = _rows(x, batch)
            if changing and isinstance(inputs, torch.Tensor):
                inputs = jittered(inputs, recipe.jitter, chance)
            if isinstance(inputs, torch.Tensor) and inputs.ndim == 4:
                inputs = inputs.contiguous(memory_format=order_in_memory)
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast(device, torch.bfloat16, enabled=training.precision == "bfloat16"):
                if own_loss is not None:
                    logits, loss = own_loss(inputs, truth, weight)
                else:
                    logits = model(inputs)
                    loss = loss_of(logits.float(), truth, weight, recipe.loss)
            if recipe.svm_c:
                loss = loss + regulariser(model, recipe.svm_c * len(y))
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch)
            hits += int((logits.argmax(1) == truth).sum())
        history.append((total / shown, hits / shown))
        ended = held is not None and held.after(model)
        if held is not None and (ended or epoch == epochs):
            held.restore(model)
        if recipe.settle and (ended or epoch == epochs):
            _settle(model, x, recipe.batch)
        if after_epoch is not None:
            state = torch.random.get_rng_state()
            model.eval()
            after_epoch(epoch, model)
            torch.random.set_rng_state(state)
        if ended:
            break
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


def _loss_on(maps: NDArray[Any], labels: NDArray[np.int64], kind: str) -> Callable[[nn.Module], float]:
    return lambda model: loss_of(
        torch.from_numpy(logits_of(model, maps)), torch.from_numpy(labels), None, kind
    ).item()


def _places(count: int, recipe: Recipe, order: torch.Generator) -> torch.Tensor:
    """The order of an epoch's clips: each once, or as many as its iterations need, again and again."""
    wanted = recipe.iterations * recipe.batch or count
    rounds = [
        torch.randperm(count, generator=order) if recipe.shuffle else torch.arange(count)
        for _ in range(-(-wanted // count))
    ]
    return torch.cat(rounds)[:wanted]


def balanced(labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Indices of labels (N,), those of rarer classes so often that each class is as common as the commonest."""
    members = [np.flatnonzero(labels == label) for label in range(classes)]
    most = max(map(len, members))
    return np.concatenate([np.resize(each, most) for each in members if len(each)])


def regulariser(model: nn.Module, c: float) -> torch.Tensor:
    """Half the squared weights of the last layer over ``c``: with the mean hinge loss, a linear SVM's objective of this
    C times as many clips, divided by them.
    """
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    return last.weight.square().sum() / (2 * c)


def loss_of(
    logits: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor | None, kind: str
) -> torch.Tensor:
    """The loss of a recipe; ``weight`` (classes,) of each class."""
    if kind == "hinge":  # paper 003, eq. 12
        return functional.multi_margin_loss(logits, labels, weight=weight)
    return functional.cross_entropy(logits, labels, weight)


def _tensor(maps: NDArray[Any], device: torch.device | str) -> torch.Tensor:
    """A copy in plain order: in another order convolutions round otherwise, and pickling changes the order.

    Bytes stay bytes, everything else becomes float32.
    """
    kind = np.uint8 if maps.dtype == np.uint8 else np.float32
    return torch.from_numpy(np.array(maps, kind, order="C")).to(device)


def tensors(maps: NDArray[Any], device: torch.device | str) -> Inputs:
    """What a network is given of N clips, on a device."""
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
            _groups(model, recipe), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay
        )
    if recipe.optimiser == "rmsprop":  # decay and epsilon are Keras's
        return torch.optim.RMSprop(
            _groups(model, recipe),
            recipe.learning_rate,
            alpha=0.9,
            eps=1e-7,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
    if recipe.optimiser != "adam":
        raise ValueError(f"optimiser {recipe.optimiser!r} is not adam, sgd or rmsprop")
    # fused: one pass over the weights instead of a dozen, which is most of a step of the larger networks
    return torch.optim.Adam(
        _groups(model, recipe), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )


def _groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """All parameters, or weights and biases apart; ``times`` is what multiplies the rate of each."""
    if recipe.bias_rate == 1:
        return [{"params": list(model.parameters()), "times": 1.0}]
    named = list(model.named_parameters())
    biases = [parameter for name, parameter in named if "bias" in name.rpartition(".")[2]]
    weights = [parameter for name, parameter in named if "bias" not in name.rpartition(".")[2]]
    return [
        {"params": weights, "times": 1.0},
        {"params": biases, "times": recipe.bias_rate, "weight_decay": 0.0},
    ]


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
            model(tensors(maps[i : i + batch], device)).cpu().numpy() for i in range(0, len(maps), batch)
        ]
    return np.concatenate(parts)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (N, C) of logits (N, C)."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)
