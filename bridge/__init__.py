"""The live wire: ear → mind → hand, their supervisor, the MIDI ports and the command line."""
