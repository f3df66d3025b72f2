//! Security checks, each by the number that it has in the list of them: `attack_031_code_of_other_client`.

mod credentials;
mod faults;
mod keys;
mod refresh;
mod token;
