//! The run directory and the verdict cache: the only I/O in this package.
