"""The report as Markdown: figures beside their baselines, with n, split and interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from capsule.evaluation.figures import STATISTICS, shown
from capsule.evaluation.splits import SPLITTERS
from capsule.evaluation.tangent import USED
from capsule.evaluation.verdict import verdict
from capsule.readout import TASKS

Found = dict[str, Any]
HEAD = ("", "windows", "people", *STATISTICS, "by recording: n, bal, AUC")
THRESHOLDED = ("balanced accuracy", "F1", "ECE")  # of a mere distance they mean nothing


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def page(found: dict[str, Found], about: Found) -> str:
    """The whole report."""
    parts = [_head(found, about), _splits()]
    parts += [write(found[name], about) for name, write in PAGES.items() if found.get(name)]
    return "\n".join(parts)


def _head(found: dict[str, Found], about: Found) -> str:
    rows = [[one.asked, one.found, "met" if one.met else "**not met**"] for one in verdict(found)]
    return (
        "# What the capsule network is worth\n\n"
        f"Learned from {', '.join(about['learned'])}; never from {', '.join(about['unseen'])}. "
        f"{about['steps']} steps, seed {about['seed']}; shipped weights `{about['weights']}`. "
        "Windows of 2 s, one a second, after the wearer's first minute of rest, which is the "
        "baseline and in no figure. Every figure counts both classes alike (F1: mean of both; ECE: "
        "ten bins); a majority has .5. Intervals are 95 % by bootstrap over people. Each network "
        "has its read-out from people of its own training side, each by the one member that left "
        "them out; for a strange headset, from whole data sets left out. Printed by "
        f"`{about['command']}`.\n\n## What was to be shown\n\n"
        + table(["demand", "found", ""], rows)
    )


def _splits() -> str:
    rows = [[s.name, "honest" if s.honest else "**leaky**", s.asks] for s in SPLITTERS.values()]
    return "## Splits\n\n" + table(["split", "", "asks about"], rows)


def _line(name: str, told: Found) -> list[str]:
    plain = "distance" in name
    cells = [
        "–" if plain and key in THRESHOLDED else shown(told["figures"][key]) for key in STATISTICS
    ]
    whole = ""
    if "recordings" in told and not plain:
        figures = told["recordings"]["figures"]
        bal, area = (figures[key]["value"] for key in ("balanced accuracy", "AUC"))
        whole = f"{told['recordings']['n']}, {bal:.3f}, {area:.3f}"
    return [name, str(told["windows"]), str(told["people"]), *cells, whole]


def _rows(told: Found) -> str:
    return table(HEAD, [_line(name, one) for name, one in told["rows"].items()])


def _above(told: Found, ours: str = "the network") -> str:
    if not told["above"]:
        return ""
    rows = [
        [f"{ours} minus {name}", *(_signed(one[key]) for key in STATISTICS)]
        for name, one in told["above"].items()
    ]
    return "\n" + table(["paired, same windows", *STATISTICS], rows)


def _signed(one: dict[str, float]) -> str:
    return f"{one['value']:+.3f} [{one['low']:+.2f}, {one['high']:+.2f}]"


def _people(told: Found, about: Found) -> str:
    text = (
        f"## People never seen\n\nLeave-one-subject-out in {told['folds']} folds by person (one "
        "network for each person would take hours); a fold's network learned from the other "
        "people of all sets, its rivals from the other people of the same set with the same "
        "channels. Their headset was learned from, and is read out so. Beside it, the read-out of "
        "everybody else's headset; its two numbers saw the people held out here, left out of their "
        "network with all of EEGMAT.\n\n"
    )
    for subset, one in told["montages"].items():
        text += f"### EEGMAT, {subset} channels: rest against arithmetic\n\n{_rows(one)}"
        text += f"{_above(one)}\n"
    text += "![](montages.png)\n\n![](reliability.png)\n\n### The other sets\n\n"
    for name, one in told["sets"].items():
        text += f"**{name}**\n\n{_rows(one)}\n"
    return text


def _datasets(told: Found, about: Found) -> str:
    text = (
        "## Data sets never seen\n\nArousal. Each set is left out with its people and headset, and "
        f"the read-out comes from {' and '.join(TASKS)} without it, each by a network that left it "
        "out (but may have learned from this one); the rivals draw windows as the network does, or "
        "learn from EEGMAT with the nearest channels.\n\n"
    )
    return text + _each(told)


def _unseen(told: Found, about: Found) -> str:
    text = (
        "## The shipped weights where nothing was ever learned from\n\nArousal, rivals as above, "
        "from all sets that are learned from.\n\n"
    )
    return text + _each(told)


def _each(told: Found) -> str:
    parts = [f"### {name}\n\n{_rows(one)}{_above(one)}\n" for name, one in told.items()]
    return "".join(parts)


def _null(told: Found, about: Found) -> str:
    rows = [
        [SPLITTERS[name].name, "honest" if one["honest"] else "**leaky**",
         shown(one["nearest neighbours"])]
        for name, one in told.items()
    ]  # fmt: skip
    return (
        f"## Null labels\n\nEach person's labels are dealt anew among his trials, {about['deals']} "
        "times; balanced accuracy of nearest neighbours that learn them, with 95 % of the deals. "
        "Whatever is above .5 is what the split gives away.\n\n"
        + table(["split", "", "nearest neighbours"], rows)
    )


def _null_network(told: Found, about: Found) -> str:
    return (
        "## Null labels, the network itself\n\nOne deal, leave-one-subject-out in folds.\n\n"
        + table(HEAD, [_line(f"EEGMAT, {subset} channels", one) for subset, one in told.items()])
    )


def _trials(told: Found, about: Found) -> str:
    text = (
        "## Trials never seen, of people who are known\n\nSubject-dependent, whole trials held "
        "out. EEGMAT and Mane have one recording of each class and person, so they cannot be "
        "asked this way: the recording would be the label.\n\n"
    )
    return text + "".join(f"**{name}**\n\n{_rows(one)}\n" for name, one in told.items())


def _windows(told: Found, about: Found) -> str:
    return (
        "## LEAKY: windows at random\n\nEEGMAT, 19 channels. Neighbouring windows of one recording "
        "are on both sides. **These figures are inflated and mean nothing**; they are here to be "
        "compared with those above, and with what is published.\n\n" + _rows(told)
    )


def _routing(told: Found, about: Found) -> str:
    text = "## Routing\n\nThe same network, read out the same way, on the same folds.\n\n"
    for subset, one in told.items():
        text += f"### EEGMAT, {subset} channels\n\n{_rows(one)}{_above(one, 'dynamic')}\n"
    return text


def _raw(told: Found, about: Found) -> str:
    return (
        f"## EEGNet\n\nFrom the samples themselves, {about['epochs']} epochs, the same folds and "
        "windows.\n\n"
        + table(HEAD, [_line(f"EEGMAT, {subset} channels", one) for subset, one in told.items()])
    )


def _tangent(told: Found, about: Found) -> str:
    text = (
        "## Rivals in the tangent space\n\nThe same learners on how electrodes go together "
        "(Barachant et al. 2012, with pyriemann): real cross-spectra of "
        f"{', '.join(USED)} of each window and their recent mean, whitened by the log-Euclidean "
        "mean of the wearer's rest, tangent vectors in units of the rest's spread. Folds, windows "
        "and rest as above; what the baseline leaves out, bad or loud alone, is not heard here, "
        "either, but in rows that say so. One setting, written first and kept (LOG).\n\n"
    )
    if told["null"]:
        text += (
            f"Null labels, dealt {about['deals']} times among the trials of each of EEGMAT's "
            "people, 19 channels, nearest neighbours in the tangent space: "
            f"{shown(told['null'])}.\n\n"
        )
    for subset, one in told["montages"].items():
        text += f"### EEGMAT, {subset} channels\n\n{_rows(one)}{_above(one)}\n"
    text += (
        "### Headsets never seen\n\nOver the regions that the headset shares with every set "
        "learned from; EEGMAT with fewer channels is learned from where it has them. Windows are "
        "drawn as the network draws them.\n\n"
    )
    for name, one in told["left out"].items():
        text += f"**{name}, left out**: {_regions(one)}\n\n{_rows(one)}{_above(one)}\n"
    for name, one in told["unseen"].items():
        text += f"**{name}, shipped weights**: {_regions(one)}\n\n{_rows(one)}{_above(one)}\n"
    return text


def _regions(told: Found) -> str:
    return ", ".join(told["regions"]) or "no region is shared"


PAGES: dict[str, Callable[[Found, Found], str]] = {
    "people": _people,
    "datasets": _datasets,
    "unseen": _unseen,
    "routing": _routing,
    "trials": _trials,
    "windows": _windows,
    "null": _null,
    "null network": _null_network,
    "raw": _raw,
    "tangent": _tangent,
}
