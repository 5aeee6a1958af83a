"""Pretrained weights from a file the user gives, into a network whose parameters have the published names."""

import json
import struct
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engines.errors import InputError

_TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32}


def load_weights(network: nn.Module, path: Path, classes: int) -> None:
    """Fill the backbones of a network (its ``backbones()``, or itself) from a .safetensors file or a state saved by
    torch, of which tensors alone are read, no code.

    Layers with one output a class keep their initial values where the file has another number of classes; what the
    file has beyond the backbone is left. Raises InputError for an unreadable file, one that lacks a parameter of the
    backbone or has it in another shape, and for a network that has nothing to load into.
    """
    state = read_state(path)
    own = getattr(network, "backbones", None)
    backbones = own() if own is not None else [network]
    if not backbones:
        raise InputError("this model has no pretrained part: leave --weights out")
    for backbone in backbones:
        backbone.load_state_dict(_fitting(backbone, state, path, classes), strict=False)


def _fitting(
    backbone: nn.Module, state: dict[str, torch.Tensor], path: Path, classes: int
) -> dict[str, torch.Tensor]:
    optional = {
        name
        for name, module in backbone.named_modules()
        if (isinstance(module, nn.Linear) and module.out_features == classes) or name.endswith(".attention")
    }
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
            return _safetensors(path.read_bytes())
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


def _safetensors(content: bytes) -> dict[str, torch.Tensor]:
    """The format: length of a JSON header as uint64, the header, the tensors' bytes."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    state = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        flat = np.frombuffer(content[8 + length + first : 8 + length + last], _TYPES[entry["dtype"]])
        state[name] = torch.from_numpy(flat.reshape(entry["shape"]).copy())
    return state
