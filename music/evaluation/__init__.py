"""Programs that judge: likelihood, an independent judge, statistics, the report."""
