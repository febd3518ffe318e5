"""The web page: LSL → feed → story; board and story → told → server → browser → desk."""
