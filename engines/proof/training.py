"""Training on the GPU beside the CPU: seconds, and scores on clips that were not trained on.

A small loop over made clips, for speed and agreement alone; the benchmark trains in `offline`.
"""

import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.proof.check import Figures, Skipped, expect

CLASSES: Final = 3
# Scores of two trainings that differ in rounding and dropout differ by a few of the clips.
NOISE: Final = 0.1
# Clips, epochs and clips of a batch: enough to learn what is made here, and some seconds on a CPU.
_LENGTHS: Final = {"ststnet": (240, 30, 32), "fr": (120, 16, 12), "mscnn": (36, 4, 12)}
_Clips = Any  # a tensor, or for networks of several streams a dict of them


def beside_the_cpu(network: str, *, quick: bool) -> Figures:
    """The same training on both devices: as good on unseen clips, within noise."""
    import torch

    if not torch.cuda.is_available():
        raise Skipped("this PyTorch has no CUDA")
    _train(network, "cuda", epochs=1)  # CUDA's libraries load at their first use
    seconds, score = _train(network, "cuda")
    own_seconds, own = _train(network, "cpu")
    expect(abs(score - own) <= NOISE, f"accuracy {score:.2f} on the GPU and {own:.2f} on the CPU")
    expect(score > 0.6, f"accuracy {score:.2f} of three classes that are easy to tell apart")
    return {
        "cuda_s": round(seconds, 2),
        "cpu_s": round(own_seconds, 2),
        "times_faster": round(own_seconds / seconds, 1),
        "cuda_accuracy": round(score, 3),
        "cpu_accuracy": round(own, 3),
        "cpu_threads": torch.get_num_threads(),
    }


def on_cpu(network: str, *, quick: bool) -> Figures:
    """The loop learns what can be learnt, without a GPU; in one thread, as the benchmark trains."""
    import torch

    torch.set_num_threads(1)
    seconds, score = _train(network, "cpu")
    expect(score > 0.6, f"accuracy {score:.2f} of three classes that are easy to tell apart")
    return {"cpu_s": round(seconds, 2), "cpu_accuracy": round(score, 3)}


def _train(network: str, device: str, epochs: int = 0) -> tuple[float, float]:
    """Seconds of training, and accuracy on clips that were not in it."""
    import torch
    from torch.nn import functional

    from engines.networks import find_network, open_network

    row = find_network(network)
    count, usual, batch = _LENGTHS[network]
    torch.manual_seed(0)
    order = torch.channels_last if row.recipe.channels_last else torch.contiguous_format
    model: Any = open_network(network, CLASSES)
    model = model.to(device, memory_format=order).train()
    streams = row.inputs == "streams"
    labels = np.arange(2 * count) % CLASSES
    made = _streams(labels) if streams else {"": _maps(labels)}
    clips = {name: torch.from_numpy(values).to(device) for name, values in made.items()}
    if not streams:
        clips = {name: values.contiguous(memory_format=order) for name, values in clips.items()}
    truth = torch.from_numpy(labels).to(device)
    rate = 1e-4 if streams else 1e-3
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    own_loss = getattr(model, "training_loss", None)
    began = time.perf_counter()
    for _ in range(epochs or usual):
        for places in torch.split(torch.randperm(count), batch):
            inputs = _rows(clips, places)
            if own_loss is not None:
                loss = own_loss(inputs, truth[places.to(device)], None)[1]
            else:
                loss = functional.cross_entropy(model(inputs), truth[places.to(device)])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
    if device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    _settle(model, clips, count, batch)
    with torch.inference_mode():
        held_out = torch.split(torch.arange(count, 2 * count), batch)
        hits = sum(int((model(_rows(clips, p)).argmax(1) == truth[p.to(device)]).sum()) for p in held_out)
    return seconds, hits / count


def _settle(model: Any, clips: dict[str, Any], count: int, batch: int) -> None:
    """Batch norm's resting statistics from the training clips: running ones lag behind so short a training."""
    import torch
    from torch import nn

    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    with torch.no_grad():
        for places in torch.split(torch.arange(count), batch):
            model(_rows(clips, places))
    model.eval()


def _rows(clips: dict[str, Any], places: Any) -> _Clips:
    chosen = {name: values[places.to(values.device)] for name, values in clips.items()}
    return chosen.get("", chosen)


def _maps(labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Flow maps (N, 3, 28, 28) in 0..1: each class moves another part of the face, under noise."""
    random = np.random.default_rng(1)
    maps = random.normal(0.5, 0.1, (len(labels), 3, 28, 28))
    for k, label in enumerate(labels):
        top = 2 + 9 * int(label)
        maps[k, :, top : top + 6, 6:22] += 0.35
    return np.clip(maps, 0, 1).astype(np.float32)


def _streams(labels: NDArray[np.int64]) -> dict[str, NDArray[np.uint8]]:
    """What a network of three streams reads: flow (N, 56, 56, 3), grey and masked (N, 56, 56), uint8."""
    large = (_maps(labels).repeat(2, 2).repeat(2, 3) * 255).astype(np.uint8)
    grey = np.ascontiguousarray(large[:, 0])
    return {"flow": np.ascontiguousarray(large.transpose(0, 2, 3, 1)), "grey": grey, "masked": grey.copy()}
