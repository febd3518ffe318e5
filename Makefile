# make demo   the sample recording through the whole wire; leaves a session folder
# make test   every test          make lint   ruff and mypy          make clean   undo the set-up
#
# Each does its own set-up on a fresh Debian or Ubuntu (see .ci/setup) and only once.
#
# TORCH_INDEX  where PyTorch comes from. PyPI's torch for Linux brings several GB of CUDA with it;
#              PyTorch's own index has a small CPU build:
#              make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
# PYTHON       which Python to use (else the first that works of 3.12, 3.11 and newer ones)

TORCH_INDEX ?=
PYTHON ?=
export TORCH_INDEX PYTHON

.DEFAULT_GOAL := help
.PHONY: help demo test lint clean
INPUTS := pyproject.toml constraints.txt .ci/setup

help:
	@sed -n '/^#/!q;s/^# \{0,1\}//p' Makefile

demo: .venv/.ready-demo
	.venv/bin/emocapsule demo

test: .venv/.ready-test
	.venv/bin/python -m pytest -n 2 $(ARGS)

lint: .venv/.ready-test
	.venv/bin/ruff check .
	.venv/bin/mypy

clean:
	rm -rf .venv build ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/.ready-%: $(INPUTS)
	@bash .ci/setup $*
	@touch $@
