"""Electrodes land in the right region, by name and by position alike."""

import math

import numpy as np
import pytest

from eeg.errors import EegError
from eeg.montage import ANCHORS, REGIONS, Montage, canonical

MUSE = "TP9 AF7 AF8 TP10".split()
INSIGHT = "AF3 T7 Pz T8 AF4".split()
EPOC = "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split()
EEGMAT = [
    f"EEG {site}" for site in "Fp1 Fp2 F3 F4 F7 F8 T3 T4 C3 C4 T5 T6 P3 P4 O1 O2 Fz Cz Pz".split()
]


def regions_of(channels: list[str]) -> list[str | None]:
    montage = Montage.from_channels(channels)
    return [None if index is None else REGIONS[index] for index in montage.regions]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Fp1", "Fp1"), ("FP1", "Fp1"), ("fp1", "Fp1"), ("EEG Fp1", "Fp1"), ("EEG FP1-REF", "Fp1"),
        ("Fp1-A2", "Fp1"), ("EEG T3-LE", "T7"), ("T4", "T8"), ("T5", "P7"), ("T6", "P8"),
        ("Fc5.", "FC5"), ("RAW_TP9", "TP9"), ("FCZ", "FCz"), ("AFF5h", "AFF5h"), ("afp1", "AFp1"),
        ("POO10h", "POO10h"), (" Oz ", "Oz"),
        ("A1", None), ("M2", None), ("EEG A2-A1", None), ("ECG ECG", None), ("EOG1", None),
        ("Right AUX", None), ("STATUS", None), ("GYROX", None), ("CQ_F7", None), ("Fp3", None),
        ("T1000", None), ("C11", None), ("", None), ("X", None), ("Fp1-F3", None),
    ],
)  # fmt: skip
def test_labels_become_the_names_of_the_10_05_system(label: str, name: str | None) -> None:
    assert canonical(label) == name


def test_headsets_fill_the_regions_they_should() -> None:
    assert regions_of(MUSE) == [
        "temporal-left", "frontal-left", "frontal-right", "temporal-right"
    ]  # fmt: skip
    assert regions_of(INSIGHT) == [
        "frontal-left", "temporal-left", "parietal-midline", "temporal-right", "frontal-right"
    ]  # fmt: skip
    assert set(regions_of(EEGMAT)) == set(REGIONS)
    assert set(REGIONS) - set(regions_of(EPOC)) == {
        "frontal-midline", "central", "parietal-midline"
    }  # fmt: skip


def test_left_mirrors_right_over_the_whole_10_05_system() -> None:
    rows = "Fp AFp AF AFF F FFC FC FCC C CCP CP CPP P PPO PO POO O".split()
    left = [row + n for row in rows for n in ("1", "3", "5", "7", "9", "3h") if canonical(row + n)]
    right = [
        label.replace("9", "10").replace("7", "8").replace("5", "6").replace("3", "4")
        .replace("1", "2").replace("20", "10")
        for label in left
    ]  # fmt: skip
    assert len(left) > 50
    mirrored = [region and region.replace("left", "right") for region in regions_of(left)]
    assert regions_of(right) == mirrored


def test_a_region_holds_its_own_anchors() -> None:
    for region, sites in ANCHORS.items():
        assert set(regions_of(list(sites))) == {region}


@pytest.mark.parametrize("cap", ["biosemi64", "easycap-M1"])
def test_measured_positions_agree_with_names(cap: str) -> None:
    mne = pytest.importorskip("mne")
    places = mne.channels.make_standard_montage(cap).get_positions()["ch_pos"]
    named = {name: place for name, place in places.items() if canonical(name)}
    nameless = [f"electrode {i}" for i in range(len(named))]
    points = [tuple(1000 * place + [3, -5, 7]) for place in named.values()]  # in mm, off centre
    assert (
        Montage.from_channels(nameless, points).regions
        == Montage.from_channels(list(named)).regions
    )


def test_channels_that_are_not_scalp_are_dropped_even_with_a_position() -> None:
    montage = Montage.from_channels(["Fz", "EOG1", "ECG"], [(0, 1, 1), (0.3, 1, 0), (0, 0, 1)])
    assert montage.placed == (0,)


def test_a_cap_that_counts_its_electrodes_is_not_taken_for_10_20() -> None:
    counted = [f"{row}{n}" for row in "ABCDEFG" for n in range(1, 17)]  # C3, F4 … among them
    with pytest.raises(EegError, match="10-20 name"):
        Montage.from_channels(counted)


def test_names_that_say_nothing_are_an_error_that_tells_what_to_do() -> None:
    with pytest.raises(EegError, match=r"ch1, ch2.*name the channels after their electrodes"):
        Montage.from_channels(["ch1", "ch2"])
    with pytest.raises(EegError):
        Montage.from_channels([])


def test_drawing_places_have_the_nose_up_and_the_left_ear_left() -> None:
    montage = Montage.from_channels(["Fpz", "T7", "Cz", "ECG"])
    (fpz, t7, cz, ecg) = montage.xy
    assert fpz[1] > 0.9
    assert t7[0] < -0.9
    assert np.allclose(cz, 0)
    assert math.isnan(ecg[0])
