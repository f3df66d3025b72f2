//! Two servers that share a Redis, and what comes to both of them at the same moment. Each race is run on one Redis and on
//! a cluster of three masters.
//!
//! Sixty-four requests lie ready, half of them at each server, whole but for their last byte; then all are let go. In every
//! second round the masters take no script meanwhile, until calls of both servers wait there: what races is then not left to
//! chance. In the other rounds nothing stands in the way.
//!
//! | file | what it holds |
//! |---|---|
//! | `site` | the servers, their Redis, and the race |
//! | `held` | requests that want nothing but a byte |
//! | `codes`, `refresh` | codes and refresh tokens: checks 35, 47 to 50 |
//! | `pages`, `devices` | what users send, and devices: checks 22 and 99 |
//! | `assertions` | what clients sign: check 96 |
//! | `keys` | servers that make and change their keys at once: check 105 |
//! | `rotation` | keys that change again and again while clients are at work: check 105 |

mod assertions;
mod codes;
mod devices;
mod held;
mod keys;
mod pages;
mod refresh;
mod rotation;
mod site;

pub(crate) use site::{Kept, Site};

/// How often each race is run.
const ROUNDS: usize = 20;

/// Makes one test for each kind of Redis out of each function: `NAME::standalone`, `NAME::cluster`.
macro_rules! on_every_redis {
    ($($(#[$meta:meta])* fn $name:ident($site:ident: &Site) $body:block)+) => {
        $(
            $(#[$meta])*
            mod $name {
                use super::*;

                fn check($site: &Site) $body

                #[test]
                fn standalone() {
                    crate::races::Site::of(crate::races::Kept::Standalone, check);
                }

                #[test]
                fn cluster() {
                    crate::races::Site::of(crate::races::Kept::Cluster, check);
                }
            }
        )+
    };
}
pub(crate) use on_every_redis;
