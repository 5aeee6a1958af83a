"""Pretraining, as paper 001 does before its micro-expressions (section III.B): a network's backbone from ordinary
expressions, kept as a file of weights that says whom it has seen, so that it is never scored on them.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engines.errors import InputError
from engines.networks import open_network
from engines.networks.weights import about, backbones_of, load_weights, save_weights
from offline.datasets.samples import Samples
from offline.progress import Progress
from offline.protocols import LeakError
from offline.recognisers import Entry
from offline.training.options import Training
from offline.writing import writing

if TYPE_CHECKING:
    from offline.training.network import NetworkRecogniser

_PEOPLE: Final = "people"


@dataclass(frozen=True)
class Pretrained:
    """``loss`` and ``accuracy`` of the last epoch on the clips it was trained on, of which there are ``clips``."""

    clips: int
    epochs: int
    loss: float
    accuracy: float


def network_of(entry: Entry, classes: int, training: Training) -> "NetworkRecogniser":
    """The network to pretrain. InputError, before anything is prepared, for what is none, has no part for weights or
    several streams, and for weights that do not fit.
    """
    from offline.training.network import NetworkRecogniser

    recogniser = entry.make(classes, training)
    if not isinstance(recogniser, NetworkRecogniser):
        raise InputError(f"{entry.name} is no network: nothing to pretrain")
    network = open_network(recogniser.network, classes)
    if (streams := len(backbones_of(network))) > 1:
        raise InputError(f"{entry.name} has {streams} streams: pretrain one, its file fits each of them")
    if training.weights is not None:
        load_weights(network, training.weights, classes)
        _seen(training.weights)
    return recogniser


def pretrain(
    samples: Samples, chosen: "NetworkRecogniser", out: Path, progress: Progress | None = None
) -> Pretrained:
    """Train a network on all samples and write its backbone to ``out``, a .safetensors file for ``--weights``.

    ``chosen`` is what `network_of` gives. Raises InputError for a file that cannot be written.
    """
    from offline.training.loop import train

    training = chosen.training
    epochs = training.epochs or chosen.recipe.epochs
    # A rate that falls every few epochs is made for going on from here; for the beginning it falls once, late.
    step = max(1, 2 * epochs // 3) if chosen.recipe.step else 0
    recipe = replace(chosen.recipe, step=step)

    def after(epoch: int, _: Any) -> None:
        if progress:
            progress(epoch, epochs)

    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)  # said before hours of training, not after
    network, history = train(
        chosen.network,
        samples.maps,
        samples.labels,
        recipe,
        classes=chosen.classes,
        training=training,
        after_epoch=after,
        people=samples.people,
    )
    notes = {
        "made by": "apexbench pretrain",
        "model": chosen.network,
        "epochs": str(epochs),
        "seed": str(training.seed),
        "clips": str(len(samples)),
        _PEOPLE: json.dumps(sorted(samples.identities | _seen(training.weights))),
    }
    with writing(out):
        save_weights(network, out, chosen.classes, notes)
    loss, accuracy = history[-1]
    return Pretrained(len(samples), epochs, loss, accuracy)


def refuse_seen(samples: Samples, weights: Path) -> None:
    """LeakError where a file of `pretrain` has seen people that are to be scored; other files do not say."""
    both = sorted(samples.identities & _seen(weights))
    if both:
        named = f"{', '.join(both[:3])}{' ...' * (len(both) > 3)}"
        raise LeakError(
            f"leak: {weights} was pretrained on {len(both)} of the people here, {named}: pretrain on others"
        )


def _seen(weights: Path | None) -> frozenset[str]:
    if weights is None:
        return frozenset()
    try:
        people = json.loads(about(weights).get(_PEOPLE, "[]"))
    except ValueError:
        people = None
    if not isinstance(people, list) or not all(isinstance(person, str) for person in people):
        raise InputError(f"{weights} does not say whom it was pretrained on as it should: pretrain it again")
    return frozenset(people)
