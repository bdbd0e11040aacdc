"""Seeds for everything that is random, as a function of what it is for."""

import hashlib


def derive_seed(*parts: object) -> int:
    """A seed for torch from anything with a stable text; different parts give unrelated seeds."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7], "big")


def of_replicate(seed: int, replicate: int) -> int:
    """What a replicate takes for a seed of the study: replicate 0 the seed itself.

    Every seed of a network's stages is derived from it, so that replicates share nothing.
    """
    return derive_seed(seed, "replicate", replicate) if replicate else seed
