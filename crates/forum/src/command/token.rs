//! `forum token`: a token of a sample user for `forum dev`.

use anyhow::{Result, bail, ensure};
use clap::Args;
use db_adapter::config::StoreConfig;
use dev_issuer::Issuer;
use http_kit::auth::DevConfig;
use http_kit::config::Listen;

use super::dev::dev_url;
use crate::{Outcome, output};

/// Print a token of a sample user, for `forum dev` with the same DATA_DIR and address
///
/// It is valid for eight hours. The server need not run yet.
#[derive(Debug, Args)]
#[command(after_help = "Example: curl localhost:8080/api/posts/1 -X DELETE -H \"Authorization: Bearer $(forum token carol)\"")]
pub(crate) struct Arguments {
    /// The user: an id, a username or a name, in upper or lower case
    user: String,

    #[command(flatten)]
    listen: Listen,

    #[command(flatten)]
    development: DevConfig,

    #[command(flatten)]
    store: StoreConfig,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let Arguments { user, listen, development, store } = arguments;
    ensure!(
        listen.port != 0 || development.auth_dev_url.is_some(),
        "PORT=0 does not tell where the server is: set PORT, or AUTH_DEV_URL, to what it says at its start"
    );
    let issuer = Issuer::open(&dev_url(listen.address(), development), &development.key_file(&store.data_dir))?;
    let Some(person) = issuer.people().iter().find(|person| person.is_called(user)) else {
        let known: Vec<_> = issuer.people().iter().map(|person| person.handle()).collect();
        bail!("there is no sample user {user:?}; expected one of {}", known.join(", "));
    };
    output::print_text(issuer.access_token(person)? + "\n")?;
    Ok(Outcome::Done)
}
