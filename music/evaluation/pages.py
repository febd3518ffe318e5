"""The report as Markdown: figures beside their baselines, with n, split and interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from music.evaluation.courses import MILD, STRONG, WAYS
from music.evaluation.following import AXES
from music.evaluation.intervals import Figure, shown
from music.evaluation.likelihood import bound_of
from music.evaluation.verdict import verdict

Found = dict[str, Any]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def page(found: dict[str, Found], about: Found) -> str:
    """The whole report."""
    parts = [_head(found, about)]
    parts += [write(found[name], about) for name, write in PAGES.items() if found.get(name)]
    return "\n".join(parts)


def _head(found: dict[str, Found], about: Found) -> str:
    rows = [
        [one.asked, one.found, "met" if one.met else "**not met**"]
        for one in verdict(found, about["shipped"])
    ]
    return (
        "# What the music model is worth\n\n"
        f"Weights `{about['weights']}`, EMOPIA split *{about['split']}* (by song, none of it "
        f"learned from), seeds from {about['seed']}, clips of {about['seconds']:g} s in "
        f"{about['precision']}, shipped strength {about['shipped']:g}. Intervals are 95 % by "
        "bootstrap, over songs where clips are real and over clips where they are generated. "
        f"Printed by `{about['command']}`.\n\n## What was to be shown\n\n"
        + table(["demand", "found", ""], rows)
    )


def _agreements(told: dict[str, Figure]) -> list[str]:
    return [shown(told[axis]) for axis in AXES]


def _following(told: Found, about: Found) -> str:
    judge, rows = about["judge"], []
    if judge:
        n = str(judge["agreement"]["4Q"]["n"])
        rows = [[f"real, {judge['songs']} songs", n, *_agreements(judge["agreement"])]]
    for strength, at in told.items():
        n = str(at["agreement"]["4Q"]["n"])
        rows.append([f"strength {strength}", n, *_agreements(at["agreement"])])
        rows.append([f"strength {strength}, shuffled", n, *_agreements(at["shuffled"])])
    text = (
        "## Following\n\nThe judge reads clips in seconds and has learned from EMOPIA's training "
        "songs; its row on real clips is what it can be trusted with. Shuffled: the conditions "
        "dealt anew among the clips; chance is .25, .50, .50.\n\n"
    )
    text += table(["clips", "n", *AXES], rows) + "\n![](following.png)\n\n"
    return text + _plain(judge["plainly"] if judge else [], told)


def _plain(real: list[Found], told: Found) -> str:
    rows = []
    for name, each in [
        ("real", real),
        *((f"strength {s}", at["plainly"]) for s, at in told.items()),
    ]:
        for q, means in enumerate(each):
            cells = [f"{value:.2f}" for key, value in means.items() if key != "clips"]
            rows.append([f"{name}, Q{q + 1}", str(means["clips"]), *(cells or ["–"] * 4)])
    return table(["clips", "n", "notes/s", "velocity", "pitch", "majorness"], rows)


def _likeness(told: Found, about: Found) -> str:
    names = list(next(iter(told.values()))["overlap"])
    columns = list(told)
    rows = [[name, *(f"{told[c]['overlap'][name]:.2f}" for c in columns)] for name in names]
    rows.append(
        ["Fréchet distance (less is nearer)", *(f"{told[c]['frechet']:.2f}" for c in columns)]
    )
    heads = [c if c.startswith("real") else f"strength {c}" for c in columns]
    gaps = [
        f"Strength {c} overlaps {shown(told[c]['gap'], 3)} more than strength 1 (clips and songs "
        "drawn together)."
        for c in columns
        if "gap" in told[c]
    ]
    return (
        "## Likeness\n\nOverlap of each statistic's distribution with real held-out clips of the "
        "same quadrant, mean over quadrants, 1 at best; strength 1 is the unguided model. What two "
        "halves of the real songs come to is the ceiling for so few clips. "
        f"{' '.join(gaps)}\n\n" + table(["", *heads], rows) + "\n![](distributions.png)\n"
    )


def _copying(told: Found, about: Found) -> str:
    rows = []
    for spelling, at in told.items():
        for who in ("generated", "real"):
            one = at[who]
            places = [shown(one[place], 0) for place in ("median", "p95")]
            rows.append([spelling, who, str(one["median"]["n"]), *places, str(one["longest"])])
    return (
        "## Copying\n\nThe longest passage of a clip, in notes and in any key, that a training "
        "song holds too; real clips are of songs never trained on.\n\n"
        + table(["spelt by", "clips", "n", "median", "p95", "longest"], rows)
    )


def _sweeps(told: Found, about: Found) -> str:
    rows = []
    for name, at in told.items():
        for axis in ("arousal", "valence"):
            means = " ".join(f"{step['value']:.2f}" for step in at[axis]["means"])
            rows.append([name, axis, at[axis]["asked"], shown(at[axis]["spearman"]), means])
    clips = next(iter(told.values()))["arousal"]["means"][0]["n"]
    return (
        f"## Sweeps\n\nMixtures in equal steps, {clips:.0f} clips each; Spearman of the step and "
        "the mean judged, signed so that 1 is what was asked.\n\n"
        + table(["sweep", "axis", "asked", "Spearman", "mean judged at each step"], rows)
        + "\n![](sweeps.png)\n"
    )


def _switches(told: Found, about: Found) -> str:
    judge = told["judge"]
    rows = []
    for kind in ("all pairs", "arousal changes", "valence alone changes"):
        for way in ("switch", "control"):
            at = told[kind][way]
            rows.append(
                [kind, "jump" if way == "switch" else "no jump", str(at["within_2_bars"]["n"])]
                + [shown(at["median_bars"], 0), shown(at["p90_bars"], 0)]
                + [shown(at["within_2_bars"]), shown(at["judged_A_before"])]
            )
    head = ["", "", "n", "median bars", "p90", "within 2 bars", "judged A before"]
    return (
        "## Switches\n\nThe condition jumps from A to B at a bar; the judge hears the last two "
        "bars and has turned when it finds B likelier than A (999: never within the "
        f"{told['after']} bars that follow). On two bars of real clips it is right in "
        f"{shown(judge['4Q'])} (arousal {shown(judge['arousal'])}, valence "
        f"{shown(judge['valence'])}), and finds the true emotion likelier than one other in "
        f"{shown(judge['pair'])}.\n\n" + table(head, rows) + "\n![](switch.png)\n"
    )


def _courses(told: Found, about: Found) -> str:
    windows = [f"{start:g} to {stop:g} s" for start, stop in told["windows_s"]]
    names = {"turned": "turned", "there": "there all along", "stayed": "stayed"}
    rows = []
    for way in WAYS:
        for heard, at in told[way].items():
            for key, name in names.items():
                rows.append([way, heard, name, *(f"{one['value']:.2f}" for one in at[key])])
            rows.append([way, heard, "**left of the way**", "", *map(shown, at["left"])])
    n = told["down"]["touch"]["turned"][0]["n"]
    return (
        "## Courses\n\nFrom a mixture that one emotion leads with "
        f"{STRONG:g} to one that another, of the other arousal, leads with {MILD:g}, at strength "
        f"{told['strength']:g} after {told['before_s']:g} s; {n} courses each way. Beside them the "
        "same seeds in the second mixture all along, and in the first. Left of the way: 0 where "
        "the music is as if it had always been there, 1 where it has not moved. Touch: mean "
        "velocity; density: notes a second; arousal: what the judge hears.\n\n"
        + table(["way", "", "music that", *windows], rows)
        + "\n![](courses.png)\n"
    )


def _likelihood(told: Found, about: Found) -> str:
    rows = [
        [name, shown(one, 3), bound_of(name, told["samples"])]
        for name, one in told["nats_per_note"].items()
    ]
    worth = [[name, shown(one, 4)] for name, one in told["worth_per_note"].items()]
    kl = " ".join(f"{x:.2f}" for x in told["kl"])
    text = (
        f"## Likelihood\n\n{told['songs']} songs, {told['notes']} notes, products in "
        f'{told["precision"]}. A row named after a condition is the model under it; "the other '
        'three" is the mean over the three wrong quadrants. z rows are nats of the tokens alone, '
        "under the right condition.\n\n" + table(["", "nats/note", "which is"], rows) + "\n"
    )
    text += table(["worth", "nats/note"], worth)
    return text + (f"\nKL a bar, by dimension: {kl}.\n\n![](kl.png)\n" if told["kl"] else "")


def _latents(told: Found, about: Found) -> str:
    arms = [arm for arm in told if isinstance(told[arm], dict)]
    rows = [[arm, shown(told[arm]["distinct"]), shown(told[arm]["distance"])] for arm in arms]
    return (
        f"## Latents\n\nThe next bar after {told['bars_before']} bars, {told['draws']} times after "
        f"each of {told[arms[0]]['distinct']['n']} pasts: share of distinct bars, and how far two "
        "are apart (1 − Jaccard of what is struck).\n\n" + table(["", "distinct", "apart"], rows)
    )


def _speed(told: Found, about: Found) -> str:
    bars, token, pieces = told["each_bar"], told["token_ms"], told["each_piece"]
    untraced, plain, cost = told["untraced"], told["in_float32"], told["cost"]
    return (
        f"## Speed\n\nOne thread, guidance on, Q{told['quadrant'] + 1}, {len(pieces)} pieces, "
        f"{told['seconds']:.0f} s of music at {told['notes_per_s_of_music']:.1f} notes and "
        f"{told['tokens_per_s_of_music']:.0f} tokens a second: **{told['times_real_time']:.1f}× "
        f"real time**, piece by piece {min(pieces):.1f} to {max(pieces):.1f}×, for how fast it is "
        f"hangs on how dense it is; single bars: median {bars['median']['value']:.1f}×, 5th "
        f"percentile {bars['p5']['value']:.1f}×, slowest {bars['slowest']:.1f}×. A token takes "
        f"{token['p50']:.1f} ms (p95 {token['p95']:.1f}, p99 {token['p99']:.1f}); "
        f"{told['turning']['token_ms']['p50']:.1f} ms while the emotion is the opposite every "
        "other beat, so that guidance asks in all its rows.\n\n"
        f"This is the network as it plays live, traced and with its large layers in 8 bits; not "
        f"traced it is {untraced['times_real_time']:.1f}× real time and "
        f"{untraced['token_ms']['p50']:.1f} ms a token, traced in float32 "
        f"{plain['times_real_time']:.1f}× and {plain['token_ms']['p50']:.1f} ms. "
        f"What 8 bits cost on {cost['tokens']} held-out tokens, each bar's latent the posterior's "
        f"mean: {cost['compact']:.4f} nats a token for {cost['float32']:.4f}; KL of what it "
        f"expects {cost['kl']:.1e} nats, where bfloat16 products cost {cost['kl_bfloat16']:.1e}.\n"
    )


def _comparison(told: Found, about: Found) -> str:
    return "## Conditionings and baselines\n\n" + _body(told)


def _last_round(told: Found, about: Found) -> str:
    return "## The last round, at the size that ships\n\n" + _body(told)


def _body(told: Found) -> str:
    """The page of a table without the heading that it has where it stands alone."""
    return str(told["page"]).partition("\n")[2].strip("\n") + "\n"


PAGES: dict[str, Callable[[Found, Found], str]] = {
    "following": _following,
    "likeness": _likeness,
    "copying": _copying,
    "sweeps": _sweeps,
    "switches": _switches,
    "courses": _courses,
    "likelihood": _likelihood,
    "latents": _latents,
    "speed": _speed,
    "comparison": _comparison,
    "last round": _last_round,
}
