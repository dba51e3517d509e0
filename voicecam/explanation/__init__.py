"""Where the evidence lies: maps (methods, cams), mel energies' part (mel_gradients), shares per band (bands), and how
classes differ in them (differences)."""
