//! Asking for what the client did not declare, beside other questions.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::Ability;
use crate::cx::Cx;

/// Waits one turn before a question that must not be asked fails. Meanwhile the tool asks what else it asks together
/// with it (`join!`): then none of that goes out, and the call ends with -32021 before the user is troubled for
/// nothing. Alone, the failure is the tool's to handle.
pub(super) struct Turn<'a> {
    cx: &'a Cx,
    ability: &'a Ability,
    at: At,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Beginning,
    Noted,
    Over,
}

impl<'a> Turn<'a> {
    pub(super) const fn new(cx: &'a Cx, ability: &'a Ability) -> Self {
        Self { cx, ability, at: At::Beginning }
    }
}

impl Future for Turn<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        match self.at {
            At::Beginning => {
                self.cx.ask_keys().note_undeclared(self.ability);
                self.at = At::Noted;
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
            // Other questions wait for the end of a step: the note stays for when they are asked.
            At::Noted if self.cx.rounds().asks() => {}
            At::Noted => self.cx.ask_keys().forget_undeclared(self.ability),
            At::Over => {}
        }
        self.at = At::Over;
        Poll::Ready(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Given up. At the end of the call it is dropped too, and then the note is still to be read.
        if self.at == At::Noted && !self.cx.rounds().is_over() {
            self.cx.ask_keys().forget_undeclared(self.ability);
        }
    }
}
