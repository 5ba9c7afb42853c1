"""What a run leaves beside its labels: records to go on from, and to look at."""
