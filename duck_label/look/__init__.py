"""Looking at what was labeled: queries, statistics, the story of a label, the report."""
