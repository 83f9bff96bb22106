"""Reports: sections, targets, tables and plots."""
