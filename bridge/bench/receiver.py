"""An independent JACK MIDI receiver: `python -m bridge.bench.receiver NAME`.

Connects itself to the port NAME, also when that appears later or again, and prints a line for each
event: its time on the monotonic clock (start of JACK's cycle + offset in it), and its bytes in hex.
"""

import importlib
import queue
import sys
import time
from typing import Any

LOOK_S = 0.05


def main(source: str, connects: str = "--always") -> None:
    """Print what `source` sends until killed.

    It connects to `source` whenever that is new, or only `--once`, or `--never` by itself.
    """
    client = importlib.import_module("jack").Client("receiver", no_start_server=True)
    port = client.midi_inports.register("in")
    heard: queue.SimpleQueue[tuple[float, str]] = queue.SimpleQueue()

    @client.set_process_callback  # type: ignore[untyped-decorator]
    def process(frames: int) -> None:
        begin_s = time.monotonic() - client.frames_since_cycle_start / client.samplerate
        for offset, event in port.incoming_midi_events():
            heard.put((begin_s + offset / client.samplerate, bytes(event).hex()))

    with client:
        _tell("listening")
        connected = False
        while True:
            if connects == "--always" or (connects == "--once" and not connected):
                connected = _connect(client, source)
            time.sleep(LOOK_S)
            while not heard.empty():
                time_s, event = heard.get()
                _tell(f"{time_s:.6f} {event}")


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _connect(client: Any, source: str) -> bool:
    try:
        ports = client.get_ports(f"^{source}$", is_midi=True, is_output=True)
        for port in ports:
            if not client.get_all_connections(port):
                client.connect(port.name, f"{client.name}:in")
    except importlib.import_module("jack").JackError:  # it is not active yet, or has just gone
        return False
    return bool(ports)


if __name__ == "__main__":
    main(*sys.argv[1:])
