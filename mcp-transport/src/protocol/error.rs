//! What goes wrong when a value does not have the shape that the protocol asks for.

/// A value has not the shape that the protocol asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct ShapeError {
    expected: &'static str,
}

impl ShapeError {
    pub(crate) const fn new(expected: &'static str) -> Self {
        Self { expected }
    }
}
