"""From scores to tables, figures and a page."""
