//! The input file.
