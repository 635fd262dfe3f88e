"""The editing methods, one module each; every one returns an `Edit` and leaves the model as it was."""
