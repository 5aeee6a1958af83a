"""Faces that perform micro-expressions, with exact truth: to demonstrate, to tune, to render databases from.

    smile = Performance("micro", "positive", (6, 12), onset_s=1.0, apex_s=1.15, offset_s=1.4)
    renderer = Renderer(Scene(performances=[smile], noise=1.5))
    renderer.frame(230), renderer.truth(400), renderer.flow(200, 230)

Names are loaded when they are used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engines.synthesis.identity import Identity
    from engines.synthesis.performance import Performance, Truth
    from engines.synthesis.portrait import Portrait
    from engines.synthesis.renderer import Renderer, demo
    from engines.synthesis.scene import Scene
    from engines.synthesis.script import Script

_WHERE = {
    "Identity": "identity",
    "Performance": "performance",
    "Portrait": "portrait",
    "Renderer": "renderer",
    "Scene": "scene",
    "Script": "script",
    "Truth": "performance",
    "demo": "renderer",
}

__all__ = ["Identity", "Performance", "Portrait", "Renderer", "Scene", "Script", "Truth", "demo"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
