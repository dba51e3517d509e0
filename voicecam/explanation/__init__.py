"""Where the evidence lies: maps (gradcam) and their shares per band (bands)."""
