//! Starts each program, speaks to it as a client would, in raw bytes, and stops it.

mod asks;
mod hello;
mod mounted;
mod program;
mod suite;
