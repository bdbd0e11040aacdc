"""The stages of the pipeline: one module each, from a spec to its files."""
