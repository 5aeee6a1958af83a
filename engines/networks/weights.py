"""Pretrained weights from a file the user gives, into a network whose parameters have the published names."""

from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from engines.errors import InputError
from engines.files import write_bytes


def load_weights(network: nn.Module, path: Path, classes: int) -> None:
    """Fill the backbones of a network (its ``backbones()``, or itself) from a .safetensors file or a state saved by
    torch, of which tensors alone are read, no code.

    Layers with one output a class keep their initial values where the file has another number of classes; what the
    file has beyond the backbone is left. Raises InputError for an unreadable file, one that lacks a parameter of the
    backbone or has it in another shape, and for a network that has nothing to load into.
    """
    state = read_state(path)
    for backbone in backbones_of(network):
        backbone.load_state_dict(_fitting(backbone, state, path, classes), strict=False)


def backbones_of(network: nn.Module) -> list[nn.Module]:
    """What pretrained weights are loaded into: a network's ``backbones()``, or itself. InputError where it has none."""
    own = getattr(network, "backbones", None)
    backbones: list[nn.Module] = own() if own is not None else [network]
    if not backbones:
        raise InputError("this model has no pretrained part: leave --weights out")
    return backbones


def save_weights(network: nn.Module, path: Path, classes: int, about: Mapping[str, str]) -> None:
    """Write the one backbone of a trained network as .safetensors for `load_weights`, without its layers of classes;
    ``about`` goes into the file's header. ValueError for a network with several backbones.
    """
    (backbone,) = backbones_of(network)
    of_classes = _of_classes(backbone, classes)
    state = {
        name: tensor.contiguous().cpu()
        for name, tensor in backbone.state_dict().items()
        if name.rpartition(".")[0] not in of_classes
    }
    write_bytes(path, safetensors.torch.save(state, dict(about)))


def about(path: Path) -> dict[str, str]:
    """The notes that `save_weights` put into a file; empty for any other. Raises InputError where it cannot be read."""
    if path.suffix != ".safetensors":
        return {}
    try:
        with safetensors.safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror or error}") from None
    except safetensors.SafetensorError as error:
        raise InputError(f"{path} is no file of weights ({error}): save .safetensors again") from None


def _of_classes(backbone: nn.Module, classes: int) -> set[str]:
    return {
        name
        for name, module in backbone.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == classes
    }


def _fitting(
    backbone: nn.Module, state: dict[str, torch.Tensor], path: Path, classes: int
) -> dict[str, torch.Tensor]:
    optional = _of_classes(backbone, classes)
    optional |= {name for name, _ in backbone.named_modules() if name.endswith(".attention")}
    fitting = {}
    for name, parameter in backbone.state_dict().items():
        if name in state and state[name].shape == parameter.shape:
            fitting[name] = state[name]
        elif name.rpartition(".")[0] not in optional and not name.endswith("num_batches_tracked"):
            what = f"has {name} as {tuple(state[name].shape)}" if name in state else f"has no {name}"
            raise InputError(
                f"{path} {what}: this model needs {tuple(parameter.shape)}; give its own weights"
            )
    return fitting


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Tensors by name of a .safetensors file or of a state saved by torch (also under ``state_dict``).

    Raises InputError when it cannot be read or holds anything but tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load(path.read_bytes())
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror or error}") from None
    except Exception as error:  # torch raises many kinds for a damaged file
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path} is no file of weights ({reason}): save a state_dict, or .safetensors"
        ) from None
    if isinstance(saved, dict) and isinstance(saved.get("state_dict"), dict):
        saved = saved["state_dict"]
    if not isinstance(saved, dict) or not all(isinstance(value, torch.Tensor) for value in saved.values()):
        raise InputError(
            f"{path} holds no state_dict of tensors: save one with torch.save(model.state_dict())"
        )
    return {name.removeprefix("module."): value for name, value in saved.items()}
