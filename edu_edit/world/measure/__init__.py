"""What the bundled models must show, measured: a module per kind of property, a report row per figure."""
