//! Security checks, each by the number that it has in the list of them: `attack_031_code_of_other_client`.

mod assertions;
mod comparisons;
mod credentials;
mod device;
mod device_races;
mod endings;
mod faults;
mod keys;
mod refresh;
mod revocation;
mod secrets;
mod token;
