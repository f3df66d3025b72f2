//! Users in a file. A running server reads it again when it has changed.

use std::io::{self, Write as _};
use std::path::Path;

use mcp_oauth::identity::users_file::{
    EditError, UserName, UserState, add, disable, enable, list, remove, set_password,
};
use serde_json::json;

use super::commands::Users;
use super::{AdminError, password};
use crate::error::Failure;

/// Carries out a command on the file.
pub(crate) fn run(command: &Users, file: Option<&Path>) -> Result<(), Failure> {
    let file = file.ok_or(AdminError::NoUsersFile)?;
    let name = |text: &String| UserName::parse(text).map_err(|error| AdminError::UserName(text.clone(), error));
    let done = match command {
        Users::Add { name: user } => {
            let user = name(user)?;
            // Before the password is asked for.
            match list(file) {
                Ok(users) if users.iter().any(|(known, state)| *known == user && *state != UserState::Removed) => {
                    Err(EditError::Exists)
                }
                _ => add(file, &user, &password::read(&user)?),
            }
        }
        Users::Passwd { name: user } => {
            let user = name(user)?;
            set_password(file, &user, &password::read(&user)?)
        }
        Users::Disable { name: user } => disable(file, &name(user)?),
        Users::Enable { name: user } => enable(file, &name(user)?),
        Users::Remove { name: user } => remove(file, &name(user)?),
        Users::List => return print(file),
    };
    Ok(done.map_err(AdminError::Users)?)
}

fn print(file: &Path) -> Result<(), Failure> {
    let mut text = String::new();
    for (name, state) in list(file).map_err(AdminError::Users)? {
        let state = match state {
            UserState::Good => "good",
            UserState::Disabled => "disabled",
            UserState::Removed => "removed",
            _ => "unknown",
        };
        text.push_str(&json!({"name": name.as_str(), "state": state}).to_string());
        text.push('\n');
    }
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}
