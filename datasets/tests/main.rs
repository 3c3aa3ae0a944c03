//! Readers on files, through the public interface alone.

mod real_data;
