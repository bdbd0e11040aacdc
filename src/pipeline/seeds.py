"""Seeds for everything that is random, as a function of what it is for."""

import hashlib


def derive_seed(*parts: object) -> int:
    """A seed for torch from anything with a stable text; different parts give unrelated seeds."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7], "big")
