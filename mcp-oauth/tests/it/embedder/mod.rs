//! What a program that embeds the server brings along, written against the public API as any other crate would: a
//! grant, a claim, a policy, and the pages.

mod badge;
mod claims;
mod grant;
mod grant_refused;
mod key_bound;
mod members;
mod pages;
mod policy;
mod template;
