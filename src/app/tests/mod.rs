//! Tests of whole commands that a test from outside cannot make.

mod power_cuts;
