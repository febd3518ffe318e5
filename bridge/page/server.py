"""The page's server: a few files, and one WebSocket that tells and is told.

EEG is health data, and a web page may be opened by any other web page. So every request must name
this machine as its Host and, if it has an Origin, our own as that; the WebSocket must have one, and
the token of the link, without which nothing is seen. The files hold nothing but the drawing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from importlib import resources
from secrets import compare_digest

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from bridge import desk
from bridge.desk import Desk
from bridge.errors import BridgeError
from bridge.page.door import Door
from bridge.page.told import Teller

PERIOD_S = 0.05
MOST_VIEWERS = 16
MOST_BYTES = 1024  # of a command
NO_TOKEN, TOO_MANY = 4403, 4429  # why a WebSocket was closed
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Guard:
    """Lets in who calls this machine by its own name, from our own page; adds safe headers."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door
        sockets = " ".join(f"ws://{host}" for host in sorted(door.hosts))
        self._headers = {
            "content-security-policy": f"default-src 'none'; script-src 'self'; style-src 'self'; "
            f"img-src 'self'; connect-src {sockets}; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] not in ("http", "websocket"):
            return
        headers = Headers(scope=scope)
        if self._welcome(headers, scope["type"] == "websocket"):
            inside: ASGIApp = self._app
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        else:
            inside = PlainTextResponse("This page is for this machine alone.", 403)

        async def adorned(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in self._headers.items()]
                message["headers"] = [*message["headers"], *own]  # type: ignore[misc]
            await send(message)

        await inside(scope, receive, adorned)  # type: ignore[arg-type]

    def _welcome(self, headers: Headers, strict: bool) -> bool:
        origins = headers.getlist("origin")
        ours = all(one in self._door.origins for one in origins) and len(origins) <= 1
        one_host = headers.getlist("host")
        host = len(one_host) == 1 and one_host[0].lower() in self._door.hosts
        return host and ours and (bool(origins) or not strict)


def new_app(door: Door, cells: Desk, new_teller: Callable[[], Teller]) -> ASGIApp:
    """The application; `new_teller` is called for each browser."""
    viewers: set[WebSocket] = set()

    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        token = websocket.query_params.get("token", "")
        if not compare_digest(token.encode(), door.token.encode()):
            await websocket.close(NO_TOKEN)
            return
        if len(viewers) >= MOST_VIEWERS:
            await websocket.close(TOO_MANY)
            return
        viewers.add(websocket)
        try:
            await _converse(websocket, new_teller(), cells)
        finally:
            viewers.discard(websocket)

    files = [Route(path, _answer(body, kind)) for path, body, kind in _files()]
    return Guard(Starlette(routes=[*files, WebSocketRoute("/live", live)]), door)


async def _converse(websocket: WebSocket, teller: Teller, cells: Desk) -> None:
    """Tell and be told until the browser goes away."""
    both = {
        asyncio.create_task(_tell(websocket, teller)),
        asyncio.create_task(_obey(websocket, teller, cells)),
    }
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _tell(websocket: WebSocket, teller: Teller) -> None:
    """The newest, again and again; a browser that is slow holds up only itself."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while True:
        await websocket.send_text(teller.frame())
        due_s = max(due_s + PERIOD_S, loop.time())
        await asyncio.sleep(due_s - loop.time())


async def _obey(websocket: WebSocket, teller: Teller, cells: Desk) -> None:
    while True:
        try:
            text = await websocket.receive_text()
        except (WebSocketDisconnect, KeyError):  # KeyError: bytes are no text
            return
        try:
            obey(text, cells)
        except BridgeError as problem:
            teller.problem = str(problem)


def obey(text: str, cells: Desk) -> None:
    """`{"turn": NAME, "to": VALUE}` or `{"press": NAME}`. BridgeError for anything else."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BridgeError("A command is a JSON object.") from problem
    if told == {"press": "panic"}:
        desk.panic(cells)
    elif told == {"press": "mark"}:
        desk.mark(cells)
    elif isinstance(told, dict) and set(told) == {"turn", "to"} and isinstance(told["turn"], str):
        desk.turn(cells, told["turn"], told["to"])
    else:
        raise BridgeError('A command is {"turn": NAME, "to": VALUE} or {"press": NAME}.')


def _files() -> list[tuple[str, bytes, str]]:
    """Path, content and type of what the browser gets, read once: no path reaches the disk."""
    folder = resources.files("bridge.page") / "static"
    found = []
    for file in folder.iterdir():
        kind = TYPES.get("." + file.name.rpartition(".")[2])
        if kind is not None:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            found.append((path, file.read_bytes(), kind))
    return found


def _answer(body: bytes, kind: str) -> Callable[..., Response]:
    def answer(_: object) -> Response:
        return Response(body, media_type=kind)

    return answer
