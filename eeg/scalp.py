"""The scalp, drawn: values of regions as a topographic map, by MNE.

MNE is imported only when a map is drawn, so that live play never waits for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eeg.errors import EegError
from eeg.montage import ANCHORS, Montage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

Floats = NDArray[np.float64]

SITES = tuple(site for sites in ANCHORS.values() for site in sites)
REGION_OF_SITE = np.repeat(np.arange(len(ANCHORS)), [len(sites) for sites in ANCHORS.values()])
HEAD = 1.3  # radius of the head as drawn; the lowest electrodes lie below the equator, at 1.28
POINTS = 160  # pixels along a side of the map
BARE = "#E4E4E4"  # scalp without a channel


def topomap(
    axes: Axes,
    values: Floats,
    limits: tuple[float, float],
    colours: Colormap,
    electrodes: Sequence[str] = (),
) -> None:
    """Draw `values` (regions,), NaN where there is no channel, seen from above, the nose up.

    A place shows the value of the region of the nearest 10-10 site, with no interpolation: a region
    is all that is known. `electrodes` are marked, those that have 10-20 names.
    """
    import mne
    from matplotlib.patches import Circle

    axes.add_patch(Circle((0.0, 0.0), HEAD, facecolor=BARE, edgecolor="none", zorder=-1))
    places = Montage.from_channels(SITES).xy
    with warnings.catch_warnings(), mne.utils.use_log_level("ERROR"):
        warnings.simplefilter("ignore")
        mne.viz.plot_topomap(
            values[REGION_OF_SITE], places, axes=axes, show=False, cmap=colours, vlim=limits,
            sensors=False, contours=0, sphere=HEAD, extrapolate="head", image_interp="nearest",
            res=POINTS,
        )  # fmt: skip
    for outline in axes.lines:
        outline.set_linewidth(0.8)
    marked = electrode_places(electrodes)
    axes.plot(marked[:, 0], marked[:, 1], ".", color="black", markersize=1.8)


def electrode_places(electrodes: Sequence[str]) -> Floats:
    """Places (n, 2) of those electrodes that have a 10-20 name, nose up, the equator at 1."""
    try:
        places = Montage.from_channels(electrodes).xy if electrodes else np.empty((0, 2))
    except EegError:  # none has: they were placed by positions, which their names do not tell
        places = np.empty((0, 2))
    known: Floats = places[np.isfinite(places).all(axis=1)]
    return known
