"""How a recogniser is trained beside its recipe: the options of every command that trains, each said once."""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from engines.errors import InputError

RECIPES: Final = ("ours", "paper", "authors")
DEVICES: Final = ("cpu", "cuda")
# In bfloat16 the products of training are taken in half the bits, at twice the speed where the processor has them;
# weights, losses and all scoring stay float32.
PRECISIONS: Final = ("float32", "bfloat16")


@dataclass(frozen=True)
class Training:
    """What may be chosen of a training. ``epochs`` None: the recipe's; ``weights``: a file of pretrained ones;
    ``protocol``, by which recipes differ, is no option of its own.

    The metadata of a field is what typer.Option is given, see offline.cli.options.
    """

    seed: int = field(default=0, metadata={"help": "Seed of the training.", "min": 0})
    epochs: int | None = field(default=None, metadata={"help": "Epochs instead of the recipe's.", "min": 1})
    device: str = field(default="cpu", metadata={"help": "cpu or cuda."})
    weights: Path | None = field(
        default=None,
        metadata={"help": "Pretrained weights to begin with, such as ImageNet's: .pth or .safetensors."},
    )
    precision: str = field(
        default="float32",
        metadata={
            "help": "float32, or bfloat16: large networks train about twice as fast; scored in float32."
        },
    )
    recipe: str = field(
        default="ours",
        metadata={
            "help": "Whose settings: ours, paper (as printed) or authors (as they published them). These two also set "
            "--apex and --flow as the paper has them."
        },
    )
    protocol: str = ""

    def check(self) -> None:
        """Raises InputError for an unknown recipe or precision, and for a device that is unknown or not there."""
        if self.recipe not in RECIPES:
            raise InputError(f"unknown recipe {self.recipe!r}: choose {', '.join(RECIPES)}")
        if self.device not in DEVICES:
            raise InputError(f"unknown device {self.device!r}: choose {' or '.join(DEVICES)}")
        if self.precision not in PRECISIONS:
            raise InputError(f"unknown precision {self.precision!r}: choose {' or '.join(PRECISIONS)}")
        if self.device == "cuda":
            import torch

            if not torch.cuda.is_available():
                raise InputError("no CUDA device here: leave --device out")

    def epochs_of(self, recipe: int | None) -> int | None:
        """How many epochs, where the recipe has so many."""
        return recipe if self.epochs is None else self.epochs

    def identity(self, epochs: int | None) -> dict[str, Any]:
        """What tells one run from another, the seed apart; ``epochs`` are the recipe's."""
        return {
            "epochs": self.epochs_of(epochs),
            "device": self.device,
            "weights": None if self.weights is None else _digest(self.weights),
            "precision": None if self.precision == "float32" else self.precision,
            "recipe": None if self.recipe == "ours" else self.recipe,
        }

    def notes(self) -> list[str]:
        """Lines for people about what is not the default."""
        notes = []
        if self.weights is not None:
            digest = _digest(self.weights)[:12]
            notes.append(f"trained from the weights {self.weights.name}, SHA-256 {digest}")
        if self.precision != "float32":
            notes.append(f"networks trained in {self.precision}, scored in float32")
        return notes


DEFAULT: Final = Training()


def _digest(weights: Path) -> str:
    try:
        return sha256(weights.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read the weights {weights}: {error.strerror or error}") from None
