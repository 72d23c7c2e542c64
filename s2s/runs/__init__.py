"""The run store and the manager that trains in the background."""
