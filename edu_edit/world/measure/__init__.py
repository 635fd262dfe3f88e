"""What the bundled models must show, measured: one module per kind of property, one row of the report per figure."""
