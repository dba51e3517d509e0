"""A corpus -> images on disk (dataset), augmented copies (augmented), splits by speaker (splits), recordings that are there
twice (duplicates)."""
