"""The page: header, camera picture and curves (`static/live.js`), health of the run, cards of events.

Each browser tab has a `Page`. It reads the feed when its stream does, so that a page in the background costs nothing.
"""

from html import escape
from pathlib import Path
from typing import Any, Final

from nicegui import Client, ui
from nicegui.element import Element

from engines.labels import CLASSES
from realtime.dashboard import card, health, preferences
from realtime.dashboard.feed import Entry, Feed

STATIC: Final = Path(__file__).parent / "static"
TITLE: Final = "apexcam"
# The pictures of an event arrive shortly after it; a page waits for them this many updates.
_PATIENCE_TICKS: Final = 8
_LOGO: Final = (
    '<svg viewBox="0 0 28 28" aria-hidden="true"><rect width="28" height="28" rx="7" fill="var(--accent)"/>'
    '<path d="M4.5 19.5h4.2c2.6 0 3-11 5.3-11s2.7 11 5.3 11h4.2" fill="none" stroke="#fff" stroke-width="2.2" '
    'stroke-linecap="round" stroke-linejoin="round"/><circle cx="14" cy="8.5" r="2.2" fill="#fff"/></svg>'
)
FAVICON: Final = _LOGO.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ').replace(
    "var(--accent)", "#2f62e0"
)


class Live(Element, component="static/live.js"):
    """The picture and the curves, drawn in the browser from the stream."""

    def show(self, *, names: dict[str, str], held: str, landmarks: bool) -> None:
        """Applies the viewer's choices: names of classes, the text while held, landmarks or none."""
        self._props.update({"names": names, "held": held, "landmarks": landmarks})
        self.update()


class Page:
    """One open page."""

    def __init__(self, feed: Feed, client: Client, chosen: preferences.Preferences) -> None:
        self._feed = feed
        self._client = client
        self._chosen = chosen
        self._paused = False
        self._stopped_at: int | None = None
        self._newest = max(
            (entry.number for name in feed.cameras() for entry in feed.entries(name)), default=0
        )
        self._patience = 0
        self._known: list[str] = []
        self._seen: dict[str, Any] = {}
        self._cards: dict[int, tuple[int, ui.html]] = {}
        self._build()

    # --- for the stream

    @property
    def camera(self) -> str:
        """The camera shown: the chosen one if it exists, else the first."""
        if self._chosen.camera in self._known or not self._known:
            return self._chosen.camera
        return self._known[0]

    @property
    def held(self) -> bool:
        """Whether the page is paused."""
        return self._paused

    def refresh(self) -> None:
        """Updates everything but picture and curves; pauses the page at an event if the viewer chose that."""
        with self._client:
            self._show_cameras()
            self._show_health()
            self._show_cards()

    # --- content

    def _build(self) -> None:
        self._dark = ui.dark_mode(self._chosen.dark)
        ui.colors(primary="#2f62e0")
        ui.keyboard(on_key=self._key, repeating=False)
        with ui.element("header").classes("top"):
            ui.html(f"{_LOGO}<h1>apexcam</h1>", sanitize=False).classes("brand")
            self._status = ui.html("", sanitize=True).classes("status")
            self._cameras = ui.select([], on_change=lambda e: self._choose_camera(e.value)).classes("camera")
            self._cameras.props('dense borderless options-dense aria-label="Camera"')
            ui.element("div").classes("spring")
            self._freeze = ui.switch("Freeze on event", value=self._chosen.freeze).classes("freeze")
            self._freeze.props("dense").on_value_change(lambda e: self._choose(freeze=e.value))
            with self._freeze:
                ui.tooltip("Pause at the next micro-expression (F)")
            self._pause = ui.button("Pause", icon="pause", color=None, on_click=self.toggle).classes("pause")
            with self._pause.props("unelevated no-caps"):
                ui.tooltip("Space")
            self._button("tune", "Names and display", self._open_settings)
            self._button("contrast", "Light or dark", self._toggle_dark)
        self._advice = ui.html("", sanitize=True, tag="aside").classes("advice")
        self._advice.set_visibility(False)
        with ui.element("main").classes("room"):
            self._live = Live()
            self._update_live()
            with ui.element("section").classes("panel health"):
                self._health = ui.html("", sanitize=True).classes("inside")
            with ui.element("section").classes("events"):
                ui.html("<h2>Events</h2>", sanitize=False).classes("title")
                self._list = ui.element("div").classes("cards")
                with self._list:
                    self._empty = ui.html(
                        "<b>Nothing yet</b><span>A card appears here when a movement of the face is over.</span>",
                        sanitize=False,
                    ).classes("empty")
        self._build_settings()

    def _button(self, icon: str, label: str, on_click: Any) -> None:
        button = ui.button(icon=icon, color=None, on_click=on_click).classes("tool")
        with button.props(f'flat round dense aria-label="{label}"'):
            ui.tooltip(label)

    def _open_settings(self) -> None:
        self._settings.open()

    def _build_settings(self) -> None:
        with ui.dialog() as self._settings, ui.element("div").classes("sheet"):
            ui.html("<h2>Names and display</h2><p>Kept in this browser.</p>", sanitize=False)
            for name in CLASSES:
                ui.input(
                    card.class_name(name, {}),
                    value=self._chosen.names.get(name, ""),
                    placeholder=card.class_name(name, {}),
                    on_change=lambda e, name=name: self._rename(name, e.value),
                ).props(f'outlined dense stack-label maxlength=40 data-class="{name}"').classes("name")
            ui.switch(
                "Landmarks over the picture",
                value=self._chosen.landmarks,
                on_change=lambda e: self._choose(landmarks=e.value),
            ).props("dense")
            ui.button("Done", on_click=self._settings.close).props("unelevated no-caps").classes("done")

    # --- updates

    def _show_cameras(self) -> None:
        known = self._feed.cameras()
        if known != self._known:
            self._known = known
            self._cameras.set_options(known, value=self.camera or None)
            self._cameras.set_visibility(len(known) > 1)

    def _show_health(self) -> None:
        newest, serial = self._feed.health(self.camera)
        silent = self._feed.silent(self.camera)
        if self._changed("health", (self.camera, len(self._known), serial, silent)):
            word, tone = health.status(newest, silent=silent)
            name = f"<b>{escape(self.camera)}</b>" if len(self._known) == 1 else ""
            self._status.set_content(f'<span class="pill {tone}"><i></i>{word}</span>{name}')
            self._health.set_content(health.panel(newest))
            advice = newest.advice if newest is not None else ""
            if self._changed("advice", advice):
                self._advice.set_content(escape(advice[:1].upper() + advice[1:]))
                self._advice.set_visibility(bool(advice))

    def _show_cards(self) -> None:
        if not self._changed("cards", (self.camera, self._feed.changes)):
            self._wait_for_pictures()
            return
        entries = self._feed.entries(self.camera)
        wanted = {entry.number for entry in entries}
        for number in [number for number in self._cards if number not in wanted]:
            self._cards.pop(number)[1].delete()
        for place, entry in enumerate(entries):
            self._show_card(entry, place)
        self._empty.set_visibility(not entries)
        self._wait_for_pictures()

    def _show_card(self, entry: Entry, place: int) -> None:
        revision, element = self._cards.get(entry.number, (-1, None))
        if revision == entry.revision:
            return
        content = card.article(entry, self._chosen.names, _address)
        if element is None:
            with self._list:
                element = ui.html(content, sanitize=True, tag="article")
            element.classes(f"card panel {card.tone(entry.event)} {entry.event.kind}")
            element.props(f'data-event="{escape(entry.event.event_id)}"')
            element.move(self._list, place)
        else:
            element.set_content(content)
        self._cards[entry.number] = (entry.revision, element)

    def _wait_for_pictures(self) -> None:
        """Pauses the page at a new micro-expression once its pictures have arrived, or after half a second."""
        micro = next((e for e in self._feed.entries(self.camera) if e.event.kind == "micro"), None)
        if micro is None or micro.number <= self._newest:
            return
        if not micro.pictures and self._patience < _PATIENCE_TICKS:
            self._patience += 1
            return
        self._newest, self._patience = micro.number, 0
        if self._chosen.freeze:
            self._stopped_at = micro.number
            self._set_paused(True)

    def _changed(self, what: str, value: Any) -> bool:
        if self._seen.get(what, ...) == value:
            return False
        self._seen[what] = value
        return True

    def _update_live(self) -> None:
        self._live.show(
            names={name: card.class_name(name, self._chosen.names) for name in CLASSES},
            held="" if not self._paused else "Paused" if self._stopped_at is None else "Frozen at this event",
            landmarks=self._chosen.landmarks,
        )

    # --- the viewer's actions

    def toggle(self) -> None:
        """Pauses or resumes the page."""
        self._set_paused(not self._paused)

    def _set_paused(self, paused: bool) -> None:
        self._paused = paused
        if not paused and self._stopped_at in self._cards:
            self._cards[self._stopped_at][1].classes(remove="stopped")
        if paused and self._stopped_at in self._cards:
            self._cards[self._stopped_at][1].classes(add="stopped")
        if not paused:
            self._stopped_at = None
            newest = (entry.number for entry in self._feed.entries(self.camera))
            self._newest = max(newest, default=self._newest)
        self._pause.set_text("Resume" if paused else "Pause")
        self._pause.set_icon("play_arrow" if paused else "pause")
        self._pause.classes(add="on" if paused else "", remove="" if paused else "on")
        self._update_live()

    def _key(self, event: Any) -> None:
        if not event.action.keydown or event.modifiers.ctrl or event.modifiers.meta or event.modifiers.alt:
            return
        if event.key == " ":
            self.toggle()
        elif event.key == "f":
            self._freeze.set_value(not self._chosen.freeze)

    def _choose(self, **chosen: Any) -> None:
        for name, value in chosen.items():
            setattr(self._chosen, name, value)
        self._client.run_javascript(preferences.script(self._chosen))
        self._update_live()

    def _choose_camera(self, name: str | None) -> None:
        if name and name != self.camera:
            self._choose(camera=name)
            for _, element in self._cards.values():
                element.delete()
            self._cards.clear()
            self._seen.clear()
            if self._paused:
                self._set_paused(False)

    def _rename(self, name: str, shown: str | None) -> None:
        names = {**self._chosen.names, name: (shown or "").strip()[:40]}
        self._choose(names={key: value for key, value in names.items() if value})
        for entry in self._feed.entries(self.camera):
            if entry.number in self._cards:
                self._cards[entry.number][1].set_content(card.article(entry, self._chosen.names, _address))

    async def _toggle_dark(self) -> None:
        dark = await self._client.run_javascript("Quasar.Dark.isActive")
        self._dark.set_value(not dark)
        self._choose(dark=not dark)


def _address(number: int, revision: int, name: str) -> str:
    return f"/pictures/{number}/{name}?{revision}"
