"""Steps of a study: each reads, calls, writes, and is shared by the command line and the study."""
