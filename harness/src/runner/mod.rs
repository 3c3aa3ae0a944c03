//! Scheduling, parallelism, events, resume.
