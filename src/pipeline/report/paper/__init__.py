"""The paper's own tables and claims, and a study's numbers beside them."""
