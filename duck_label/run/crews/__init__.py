"""Who labels the chunks of a run: this process, worker processes, or tasks of Ray."""
