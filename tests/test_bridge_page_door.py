"""Who is let in to the page: hosts, origins, tokens, and how much of anything."""

import http.client
from contextlib import ExitStack, closing

import pytest
from pages import Show, frame, tune_in
from websockets.exceptions import ConnectionClosed, InvalidStatus
from wire import until

from bridge import desk
from bridge.board import new_board
from bridge.errors import BridgeError
from bridge.page.door import listen, new_door
from bridge.page.server import MOST_BYTES, MOST_VIEWERS, NO_TOKEN, TOO_MANY


@pytest.fixture
def show():
    with closing(Show()) as one:
        yield one


def ask(show, path="/", method="GET", **headers):
    line = http.client.HTTPConnection("127.0.0.1", show.door.port, timeout=5.0)
    with closing(line):
        line.putrequest(method, path, skip_host=True)
        for name, value in ({"host": f"127.0.0.1:{show.door.port}"} | headers).items():
            line.putheader(name, value)
        line.endheaders()
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()


def hear_out(line):
    while True:
        line.recv(5.0)


def test_a_port_that_is_taken_is_one_sentence_if_it_was_asked_for():
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BridgeError, match=f"Port {port} cannot be had"):
            new_door(port)
    assert new_door(port).port == port
    assert new_door().token != new_door().token
    assert len(new_door().token) > 20


def test_the_usual_port_gives_way_to_any_other(monkeypatch):
    with listen(0) as taken:
        monkeypatch.setattr("bridge.page.door.PORT", taken.getsockname()[1])
        assert new_door().port != taken.getsockname()[1]


def test_the_files_come_with_headers_that_shut_everything_else_out(show):
    kinds = {"/": "text/html", "/main.js": "text/javascript", "/page.css": "text/css"}
    for path, kind in kinds.items():
        status, headers, body = ask(show, path)
        assert (status, headers["content-type"].split(";")[0]) == (200, kind)
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert show.door.token.encode() not in body
        assert b"//" not in body.replace(b"http://www.w3.org", b"") or kind == "text/javascript"


def test_only_these_files_are_there(show):
    for path in ("/nothing", "/../door.py", "/..%2f..%2fboard.py", "/static/main.js", "//main.js"):
        assert ask(show, path)[0] == 404
    assert ask(show, "/", "POST")[0] == 405
    assert ask(show, "/live")[0] in (400, 404, 426)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:{port}"},
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:1"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:{port}"},
        {"origin": "http://127.0.0.1:{port}.evil.example"},
    ],
)
def test_another_host_or_origin_is_refused_everywhere(show, headers):
    told = {name: value.format(port=show.door.port) for name, value in headers.items()}
    status, answered, _ = ask(show, **told)
    assert status == 403
    assert "default-src 'none'" in answered["content-security-policy"]
    upgrade = {
        "origin": f"http://127.0.0.1:{show.door.port}", "connection": "Upgrade",
        "upgrade": "websocket", "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    path = f"/live?token={show.door.token}"
    assert ask(show, path, **(upgrade | told))[0] == 403
    assert ask(show, path, **upgrade)[0] == 101


def test_the_socket_needs_an_origin_and_the_token(show):
    with pytest.raises(InvalidStatus), tune_in(show, origin=None):
        pass
    for token in ("", "wrong", show.door.token[:-1], show.door.token + "x", "%c3%a9"):
        with tune_in(show, token) as line, pytest.raises(ConnectionClosed) as closed:
            line.recv(5.0)
        assert closed.value.rcvd.code == NO_TOKEN
    with tune_in(show) as line:
        assert frame(line)["state"]["word"] == "WAITING"


def test_rubbish_is_answered_and_too_much_ends_the_line(show):
    with tune_in(show) as line:
        line.send('{"turn": "strength", "to": 99}')
        until(lambda: "strength is a number from 1 to 10" in frame(line).get("problem", ""), "it")
        line.send(b"\x00")
        with pytest.raises(ConnectionClosed):
            hear_out(line)
    with tune_in(show) as line:
        line.send("x" * (MOST_BYTES + 1))
        with pytest.raises(ConnectionClosed):
            hear_out(line)
    assert desk.read(show.board.desk) == desk.read(new_board().desk)


def test_there_is_an_end_to_the_number_of_viewers(show):
    with ExitStack() as viewers:
        for _ in range(MOST_VIEWERS):
            frame(viewers.enter_context(tune_in(show)))
        with tune_in(show) as late, pytest.raises(ConnectionClosed) as closed:
            late.recv(5.0)
        assert closed.value.rcvd.code == TOO_MANY
    with tune_in(show) as line:
        frame(line)
