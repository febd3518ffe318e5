"""A stream of our own from another machine: what can be wrong with it before it is there."""

import uuid

import numpy as np
import pytest
from wire import until

from eeg.distant import Distant
from eeg.errors import EegError
from eeg.link import Link
from eeg.lsl import Outlet, clock

pytestmark = pytest.mark.lsl
KIND = f"Emotion {uuid.uuid4().hex[:6]}"


def offered(source_id):
    return Outlet("EmotionCapsule", KIND, ("valence", "arousal"), 4.0, "", source_id)


def ours(_, source_id):
    return source_id.startswith("ours")


def test_it_is_found_read_and_found_again_when_its_process_has_gone():
    outlet, far = offered("ours"), Distant(KIND, ours)
    assert far.find(5.0)
    assert (far.labels, far.source_id) == (("valence", "arousal"), "ours")

    def comes(outlet):
        outlet.push(np.array([[0.5, -0.5]]), np.array([clock()]))
        return far.pull(0.1)

    values, times_s = until(lambda: comes(outlet))
    np.testing.assert_array_equal(values[-1], [0.5, -0.5])
    assert abs(clock() - times_s[-1]) < 1.0
    outlet.close()
    until(lambda: far.pull(0.1) is None and not far.connected, "the loss to be noticed")
    stranger, again = offered("ours too"), offered("ours")
    until(lambda: comes(again), "the same one again")
    assert far.source_id == "ours"
    stranger.close()
    again.close()


def test_of_several_none_is_chosen():
    outlets = [offered(f"ours {n}") for n in range(2)]
    with pytest.raises(EegError, match=r"there are 2 streams .*ours 0 on .*say which"):
        until(lambda: Distant(KIND, ours).find(2.0))
    for one in outlets:
        one.close()


def test_nobody_there_is_not_yet_an_error():
    assert not Distant(f"{KIND} of nobody", ours).find(0.2)


def test_a_clock_that_cannot_be_asked_is_one_sentence(monkeypatch):
    outlet = offered("ours alone")
    monkeypatch.setattr(Link, "clock_is_known", lambda link, timeout_s: False)
    with pytest.raises(EegError, match="the clock of .* cannot be asked"):
        Distant(KIND, lambda _, source_id: source_id == "ours alone").find(5.0)
    outlet.close()
