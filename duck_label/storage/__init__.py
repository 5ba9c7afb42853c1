"""Where files lie: on this machine, or in a store behind a URL."""
