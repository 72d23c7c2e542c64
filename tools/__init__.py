"""Programs for those who work on s2s; s2s itself never imports them."""
