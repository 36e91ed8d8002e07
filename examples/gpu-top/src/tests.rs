//! Frames of simulated machines, drawn without a terminal.
