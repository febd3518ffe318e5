"""Microvolts in, features out: recording or LSL → filter → quality → window → features."""
