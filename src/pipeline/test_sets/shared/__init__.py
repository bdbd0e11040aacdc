"""What the entries of this folder share."""
