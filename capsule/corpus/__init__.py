"""Labelled recordings of many data sets, read alike: sittings → windows with their quadrants."""
