"""Where the evidence lies: maps (methods, cams), carried back to the sound's bands (carry), their shares per band (bands) and how
classes differ in them (differences)."""
