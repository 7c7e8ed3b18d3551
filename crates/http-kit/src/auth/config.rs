//! Identity: environment variables, each also a flag.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::JwkSet;
use url::Url;

use super::issuer::{Source, check_url};
use super::token::Rules;
use crate::loopback::is_loopback;

/// Who may call, and whose tokens say who calls.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Identity")]
pub struct AuthConfig {
    /// Whose tokens are taken: nobody's (everybody may do everything), a built-in issuer's for development, or AUTH_ISSUER's
    /// [default: oidc with AUTH_ISSUER; else dev for `forum dev`, and off for a service on a loopback HOST]
    #[arg(long, env = "AUTH", value_name = "AUTH", value_enum, ignore_case = true)]
    pub auth: Option<Mode>,
    /// The issuer of the tokens, exactly as they name it; https://, or http:// on this machine
    #[arg(long, env = "AUTH_ISSUER", value_name = "AUTH_ISSUER", value_parser = issuer)]
    pub auth_issuer: Option<String>,
    /// Where the issuer's keys are [default: where its discovery document says]
    #[arg(long, env = "AUTH_JWKS_URL", value_name = "AUTH_JWKS_URL", value_parser = issuer)]
    pub auth_jwks_url: Option<String>,
    /// For whom tokens must be (the claim aud); a list with commas
    #[arg(long, env = "AUTH_AUDIENCE", value_name = "AUTH_AUDIENCE", value_delimiter = ',')]
    pub auth_audience: Vec<String>,
    /// The clients whose access tokens need not say for whom they are, as Amazon Cognito's; a list with commas
    #[arg(long, env = "AUTH_CLIENT_IDS", value_name = "AUTH_CLIENT_IDS", value_delimiter = ',')]
    pub auth_client_ids: Vec<String>,
    /// The algorithms that tokens may be signed with; a list with commas
    #[arg(long, env = "AUTH_ALGORITHMS", value_name = "AUTH_ALGORITHMS", value_delimiter = ',', value_parser = algorithm,
          default_value = "RS256,ES256,EdDSA")]
    pub auth_algorithms: Vec<Algorithm>,
    /// The claim with a user's roles: its name, or a JSON pointer as /realm_access/roles
    #[arg(long, env = "AUTH_ROLES_CLAIM", value_name = "AUTH_ROLES_CLAIM", default_value = "cognito:groups")]
    pub auth_roles_claim: String,
    /// The role that moderates
    #[arg(long, env = "AUTH_MODERATOR_ROLE", value_name = "AUTH_MODERATOR_ROLE", default_value = "moderator")]
    pub auth_moderator_role: String,
    /// The role that administers, and so moderates
    #[arg(long, env = "AUTH_ADMIN_ROLE", value_name = "AUTH_ADMIN_ROLE", default_value = "admin")]
    pub auth_admin_role: String,
    /// The claim that holds the user's id in the forum; users must not be able to change it [default: made of issuer and subject]
    #[arg(long, env = "AUTH_USER_ID_CLAIM", value_name = "AUTH_USER_ID_CLAIM")]
    pub auth_user_id_claim: Option<String>,
    /// Seconds that the clocks of issuer and forum may differ
    #[arg(long, env = "AUTH_LEEWAY_SECONDS", value_name = "AUTH_LEEWAY_SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(0..=600))]
    pub auth_leeway_seconds: u64,
    /// Must a request that only reads have a token, too? true or false
    #[arg(long, env = "AUTH_REQUIRED_READS", value_name = "AUTH_REQUIRED_READS", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub auth_required_reads: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub development: DevConfig,
}

/// The issuer for development.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Identity")]
pub struct DevConfig {
    /// The URL under which this machine reaches `forum dev`, where that is not HOST and PORT, as behind a gateway
    #[arg(long, env = "AUTH_DEV_URL", value_name = "AUTH_DEV_URL", value_parser = dev_url)]
    pub auth_dev_url: Option<String>,
    /// The file with the key of the issuer of `forum dev`; made when missing [default: dev-issuer.pem in DATA_DIR]
    #[arg(long, env = "AUTH_DEV_KEY_FILE", value_name = "AUTH_DEV_KEY_FILE")]
    pub auth_dev_key_file: Option<PathBuf>,
}

impl DevConfig {
    /// The file with the key of the issuer for development, beside the data in that folder where it is not set.
    pub fn key_file(&self, data_dir: &Path) -> PathBuf {
        self.auth_dev_key_file.clone().unwrap_or_else(|| data_dir.join("dev-issuer.pem"))
    }
}

/// Whose tokens are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Nobody's: everybody may do everything.
    Off,
    /// Those of the issuer for development. A request without one may do everything, as in `off`.
    Dev,
    /// Those of an OpenID Connect issuer.
    Oidc,
}

/// What identity comes to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// May a request without a token do everything?
    pub(super) open: bool,
    pub(super) required_for_reads: bool,
    pub(super) rules: Rules,
    /// Where keys come from.
    pub(super) source: Source,
}

/// The issuer for development, as its program knows it.
#[derive(Debug, Clone)]
pub struct DevIssuer {
    /// The issuer's name in its tokens.
    pub issuer: String,
    /// Its keys.
    pub keys: JwkSet,
    /// Does a request need a token to write?
    pub strict: bool,
}

impl AuthConfig {
    /// The mode of a program on that address; `fallback` where neither AUTH nor AUTH_ISSUER is set.
    ///
    /// # Errors
    /// What to set, for the person who starts the program.
    pub fn mode(&self, host: IpAddr, fallback: Mode) -> Result<Mode, String> {
        match (self.auth, &self.auth_issuer) {
            (Some(mode @ (Mode::Off | Mode::Dev)), Some(_)) => {
                Err(format!("AUTH={} and AUTH_ISSUER exclude each other: leave one of them out", mode.name()))
            }
            (Some(Mode::Oidc), None) => Err("AUTH=oidc needs AUTH_ISSUER: the issuer of the tokens".to_owned()),
            (_, Some(_)) => Ok(Mode::Oidc),
            (Some(mode), None) => Ok(mode),
            (None, None) if host.is_loopback() => Ok(fallback),
            (None, None) => Err(format!(
                "HOST={host} can be reached by others, and nothing says who may write: set AUTH_ISSUER (with AUTH_AUDIENCE or \
                 AUTH_CLIENT_IDS), or AUTH=off to let everybody do everything"
            )),
        }
    }

    /// Identity by an OpenID Connect issuer.
    ///
    /// # Errors
    /// What to set, for the person who starts the program.
    pub fn oidc(&self) -> Result<Settings, String> {
        let issuer = self.auth_issuer.clone().ok_or("AUTH_ISSUER is not set")?;
        if self.auth_audience.is_empty() && self.auth_client_ids.is_empty() {
            return Err("AUTH_ISSUER needs AUTH_AUDIENCE or AUTH_CLIENT_IDS: else tokens for other services would do".to_owned());
        }
        let source = Source::Issuer { issuer: issuer.clone(), jwks_url: self.auth_jwks_url.clone() };
        Ok(self.settings(issuer, false, source))
    }

    /// Identity by the issuer for development.
    pub fn dev(&self, dev: DevIssuer) -> Settings {
        let DevIssuer { issuer, keys, strict } = dev;
        let settings = self.settings(issuer, !strict, Source::Fixed(keys));
        let rules = Rules {
            audiences: vec![DEV_AUDIENCE.to_owned()],
            algorithms: vec![Algorithm::ES256],
            roles_claim: "roles".to_owned(),
            moderator_role: DEV_MODERATOR_ROLE.to_owned(),
            // Its subjects are the sample users.
            user_id_claim: Some("sub".to_owned()),
            ..settings.rules
        };
        Settings { rules, ..settings }
    }

    fn settings(&self, issuer: String, open: bool, source: Source) -> Settings {
        let rules = Rules {
            issuer,
            audiences: self.auth_audience.clone(),
            clients: self.auth_client_ids.clone(),
            algorithms: self.auth_algorithms.clone(),
            roles_claim: self.auth_roles_claim.clone(),
            moderator_role: self.auth_moderator_role.clone(),
            admin_role: self.auth_admin_role.clone(),
            user_id_claim: self.auth_user_id_claim.clone(),
            leeway: self.auth_leeway_seconds,
        };
        Settings { open, required_for_reads: self.auth_required_reads, rules, source }
    }
}

/// For whom the tokens of the issuer for development are.
pub const DEV_AUDIENCE: &str = "forum";
/// The role that moderates, in the tokens of the issuer for development.
pub const DEV_MODERATOR_ROLE: &str = "moderator";

impl Mode {
    /// As AUTH names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Dev => "dev",
            Self::Oidc => "oidc",
        }
    }
}

/// Refuses the issuer for development where others than this machine can reach it: whoever can, may be anybody.
///
/// # Errors
/// What to set, for the person who starts the program.
pub fn check_dev_address(host: IpAddr, public: Option<&str>) -> Result<(), String> {
    match public {
        Some(url) if Url::parse(url).is_ok_and(|url| is_loopback(&url)) => Ok(()),
        Some(url) => {
            Err(format!("AUTH=dev is for this machine only, and AUTH_DEV_URL={url} is not on it, as http://localhost:8080 is"))
        }
        None if host.is_loopback() => Ok(()),
        None => {
            Err(format!("AUTH=dev is for this machine only, and HOST={host} can be reached by others: use AUTH_ISSUER there"))
        }
    }
}

/// The URL without a slash at its end. Whether it is on this machine is checked where it is used.
fn dev_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url =
        url.filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty());
    url.map(|url| url.origin().ascii_serialization())
        .ok_or_else(|| "expected scheme, host and port, as in http://localhost:8080".to_owned())
}

fn issuer(text: &str) -> Result<String, String> {
    check_url(text).map(|()| text.to_owned())
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    let allowed = [
        ("RS256", Algorithm::RS256),
        ("RS384", Algorithm::RS384),
        ("RS512", Algorithm::RS512),
        ("PS256", Algorithm::PS256),
        ("PS384", Algorithm::PS384),
        ("PS512", Algorithm::PS512),
        ("ES256", Algorithm::ES256),
        ("ES384", Algorithm::ES384),
        ("EdDSA", Algorithm::EdDSA),
    ];
    let found = allowed.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim()));
    let names = || allowed.map(|(name, _)| name).join(", ");
    found.map(|(_, algorithm)| *algorithm).ok_or_else(|| format!("expected some of {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use rstest::rstest;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        auth: AuthConfig,
    }

    fn mode(arguments: &str, host: &str) -> Result<Mode, String> {
        let cli = Cli::try_parse_from(std::iter::once("forum").chain(arguments.split_whitespace())).unwrap();
        cli.auth.mode(host.parse().unwrap(), Mode::Off)
    }

    #[rstest]
    #[case("", "127.0.0.1", Ok(Mode::Off))]
    #[case("", "::1", Ok(Mode::Off))]
    #[case("", "0.0.0.0", Err("AUTH_ISSUER"))]
    #[case("", "::", Err("AUTH=off"))]
    #[case("", "192.0.2.1", Err("HOST=192.0.2.1"))]
    #[case("--auth off", "0.0.0.0", Ok(Mode::Off))]
    #[case("--auth-issuer https://i.example", "0.0.0.0", Ok(Mode::Oidc))]
    #[case("--auth-issuer https://i.example", "127.0.0.1", Ok(Mode::Oidc))]
    #[case("--auth oidc", "127.0.0.1", Err("AUTH_ISSUER"))]
    #[case("--auth off --auth-issuer https://i.example", "127.0.0.1", Err("exclude"))]
    #[case("--auth dev --auth-issuer https://i.example", "127.0.0.1", Err("exclude"))]
    fn a_port_that_others_reach_needs_a_decision(
        #[case] arguments: &str,
        #[case] host: &str,
        #[case] expected: Result<Mode, &str>,
    ) {
        match (mode(arguments, host), expected) {
            (Ok(mode), Ok(expected)) => assert_eq!(mode, expected),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (mode, expected) => panic!("{mode:?}, expected {expected:?}"),
        }
    }

    #[rstest]
    #[case("--auth-issuer http://i.example", "https://")]
    #[case("--auth-issuer i.example", "AUTH_ISSUER")]
    #[case("--auth-jwks-url http://i.example/keys", "AUTH_JWKS_URL")]
    #[case("--auth-algorithms HS256", "RS256, ")]
    #[case("--auth-algorithms none", "AUTH_ALGORITHMS")]
    #[case("--auth-algorithms RS256,HS512", "HS512")]
    #[case("--auth on", "off, dev, oidc")]
    #[case("--auth-leeway-seconds 601", "AUTH_LEEWAY_SECONDS")]
    #[case("--auth-required-reads maybe", "AUTH_REQUIRED_READS")]
    #[case("--auth-dev-url localhost:8080", "http://localhost:8080")]
    #[case("--auth-dev-url http://localhost:8080/dev", "AUTH_DEV_URL")]
    fn a_bad_value_is_named_with_what_is_allowed(#[case] arguments: &str, #[case] named: &str) {
        let error = Cli::try_parse_from(std::iter::once("forum").chain(arguments.split_whitespace())).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }

    #[test]
    fn an_issuer_needs_to_know_for_whom_its_tokens_are() {
        let settings = |arguments: &str| {
            let arguments = format!("forum --auth-issuer https://i.example {arguments}");
            Cli::try_parse_from(arguments.split_whitespace()).unwrap().auth.oidc()
        };
        assert!(settings("").unwrap_err().contains("AUTH_AUDIENCE"));
        assert!(settings("--auth-audience forum").is_ok() && settings("--auth-client-ids a,b").is_ok());
    }

    #[rstest]
    #[case("127.0.0.1", None, true)]
    #[case("::1", None, true)]
    #[case("0.0.0.0", None, false)]
    #[case("0.0.0.0", Some("http://localhost:8080"), true)]
    #[case("127.0.0.1", Some("https://forum.example"), false)]
    fn the_issuer_for_development_is_for_this_machine(#[case] host: &str, #[case] public: Option<&str>, #[case] allowed: bool) {
        assert_eq!(check_dev_address(host.parse().unwrap(), public).is_ok(), allowed);
    }
}
