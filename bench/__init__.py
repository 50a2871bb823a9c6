"""Measurements: programs that print figures. The suite asserts behaviour, never times."""
