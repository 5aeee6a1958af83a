"""The baseline that the flow is compared with: TV-L1 as published, in PyTorch, on the CPU or on a GPU.

Zach, Pock, Bischof (DAGM 2007) with the numbers of our preset "precise": bilinear warping, no stopping rule, no median,
no equalised light. Each operation is a launch of its own, as in code that nobody has tuned.
"""

from typing import Any

from engines.flow.presets import PRESETS

NAME = "TV-L1 in PyTorch"
_P = PRESETS["precise"]


def tvl1(onsets: Any, apexes: Any) -> Any:
    """Flow float32 (N, 2, H, W), u and v in pixels, of tensors float32 (N, 1, H, W) in grey levels."""
    from torch.nn import functional

    onset_levels, apex_levels = [onsets], [apexes]
    while len(onset_levels) < _P.scales and min(onset_levels[-1].shape[2:]) * _P.step >= 16:
        for levels in (onset_levels, apex_levels):
            levels.append(functional.avg_pool2d(levels[-1], 2, ceil_mode=True))
    flow = onset_levels[-1].new_zeros((len(onsets), 2, *onset_levels[-1].shape[2:]))
    for onset, apex in zip(onset_levels[::-1], apex_levels[::-1], strict=True):
        if flow.shape[2:] != onset.shape[2:]:
            size = onset.shape[2:]
            flow = 2 * functional.interpolate(flow, size, mode="bilinear", align_corners=False)
        flow = _level(onset, apex, flow)
    return flow


def _level(onset: Any, apex: Any, flow: Any) -> Any:
    import torch

    dual = flow.new_zeros((len(flow), 4, *flow.shape[2:]))  # of u along x and y, of v along x and y
    bound = _P.lam * _P.theta
    gradients = torch.cat([apex, *_central(apex)], 1)
    for _ in range(_P.warps):
        warped, gx, gy = _warped(gradients, flow).split(1, 1)
        gradient = torch.cat([gx, gy], 1)
        squared = (gradient**2).sum(1, keepdim=True) + 1e-9
        constant = warped - onset - (gradient * flow).sum(1, keepdim=True)
        for _ in range(_P.outer * _P.inner):
            rho = constant + (gradient * flow).sum(1, keepdim=True)
            step = (-rho / squared).clamp(-bound, bound)
            flow = flow + step * gradient + _P.theta * _divergence(dual)
            moved = dual + _P.tau / _P.theta * (slopes := _forward(flow))
            length = slopes.unflatten(1, (2, 2)).norm(dim=2, keepdim=True)
            dual = (moved.unflatten(1, (2, 2)) / (1 + _P.tau / _P.theta * length)).flatten(1, 2)
    return flow


def _central(image: Any) -> tuple[Any, Any]:
    from torch.nn import functional

    wide = functional.pad(image, (1, 1, 1, 1), mode="replicate")
    return (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2, (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2


def _forward(flow: Any) -> Any:
    """Forward differences of u and v along x and y, 0 at the far border: (N, 4, H, W)."""
    import torch
    from torch.nn import functional

    along_x = functional.pad(flow[..., 1:] - flow[..., :-1], (0, 1))
    along_y = functional.pad(flow[..., 1:, :] - flow[..., :-1, :], (0, 0, 0, 1))
    return torch.stack([along_x, along_y], 2).flatten(1, 2)


def _divergence(dual: Any) -> Any:
    from torch.nn import functional

    along_x, along_y = dual[:, 0::2], dual[:, 1::2]
    across = along_x - functional.pad(along_x, (1, 0))[..., :-1]
    return across + along_y - functional.pad(along_y, (0, 0, 1, 0))[..., :-1, :]


def _warped(planes: Any, flow: Any) -> Any:
    import torch
    from torch.nn import functional

    height, width = flow.shape[2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=flow.device), torch.arange(width, device=flow.device), indexing="ij"
    )
    at_x = (x + flow[:, 0] + 0.5) * (2 / width) - 1
    at_y = (y + flow[:, 1] + 0.5) * (2 / height) - 1
    at = torch.stack([at_x, at_y], 3)
    return functional.grid_sample(planes, at, mode="bilinear", padding_mode="border", align_corners=False)
