//! Verifying a store: alone, and against another source.

pub(crate) mod compare;
pub(crate) mod inspect;
mod repair;
mod report;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use db_adapter::config::{DynamoConfig, StoreConfig};
use db_adapter::forum::{TABLES, now};
use db_adapter::{Backend, Finding, Table};

use self::inspect::{Ids, ORDER, inspect};
use self::report::{Report, TableReport};
use crate::Outcome;
use crate::interrupt::or_interrupted;
use crate::progress::Progress;
use crate::source::directory::Directory;
use crate::source::{Scanner, Source, existing};

/// Verify counts, checksums, claims and references, alone or against another source
///
/// Exit code 3 when something differs, is broken, or a claim on a unique value does not fit; each such item is named. References
/// to items that do not exist, unknown attributes and post ids under two threads are reported; with --strict they count too. Keeps eight
/// bytes of every item in memory. [API: Scan, BatchGetItem]
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    USE_DYNAMODB=true forum verify --region us-west-2\n  \
    USE_DYNAMODB=true forum verify --against-region us-west-2\n  \
    forum verify --against-backup forum-2026-01-31.jsonl.zst\n  \
    USE_DYNAMODB=true forum verify --repair --apply")]
pub(crate) struct Arguments {
    /// Compare with a folder: a JSON store, or users.json (or users/db.json), threads.json and posts.json
    #[arg(long, value_name = "DIR", group = "against")]
    against_dir: Option<PathBuf>,

    /// Compare with a file that `forum backup` wrote
    #[arg(long, value_name = "FILE", group = "against")]
    against_backup: Option<PathBuf>,

    /// Compare with the tables of the same names in another AWS Region
    #[arg(long, value_name = "REGION", group = "against")]
    against_region: Option<String>,

    /// The endpoint of the other Region, where it is not reached as this one
    #[arg(long, value_name = "URL", requires = "against_region")]
    against_endpoint: Option<String>,

    /// List what --apply would repair
    #[arg(long)]
    repair: bool,

    /// Repair, after what is removed was saved: missing claims are added, dangling claims and broken items removed
    #[arg(long, requires = "repair")]
    apply: bool,

    /// Where to save what a repair removes [default: forum-repair-TIME.jsonl in the present folder]
    #[arg(long, value_name = "FILE", requires = "apply")]
    save: Option<PathBuf>,

    /// Let dangling references, unknown attributes and post ids under two threads count as differences
    #[arg(long)]
    strict: bool,

    /// Maximum number of items to list per table and kind
    #[arg(long, value_name = "N", default_value = "100")]
    names: usize,

    /// Segments in which each table is scanned at once [default: 16 on DynamoDB, 4 on JSON files]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    segments: Option<u32>,

    /// Read capacity units a second at most; without it, no cap
    #[arg(long, value_name = "UNITS", value_parser = clap::value_parser!(u32).range(1..))]
    max_read_units: Option<u32>,

    /// Print the result and the progress as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreConfig,
}

/// Runs `forum verify`.
pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let scanner = Scanner::open_existing(&arguments.store, arguments.segments, arguments.max_read_units).await?;
    let done = or_interrupted(verify(&arguments, &scanner), "forum verify, which starts anew").await;
    scanner.store.close().await?;
    done
}

async fn verify(arguments: &Arguments, scanner: &Scanner) -> Result<Outcome> {
    let against = arguments.against().await?;
    let mut report = Report::new(scanner, against.as_ref(), arguments.strict);
    let mut findings = Vec::new();
    let mut ids = Ids::default();
    for table in ORDER {
        let progress = Progress::start(format!("verify {}", table.name), None, arguments.json);
        let found = inspect(scanner, table, &mut ids, arguments.names, &progress).await?;
        progress.finish();
        // Where nothing must be unique and nothing is broken, there is nothing else to find.
        if !table.unique.is_empty() || found.broken_items > 0 {
            findings.extend(check(scanner, table).await?.into_iter().map(|finding| (table, finding)));
        }
        let compared = match &against {
            None => None,
            Some(source) => {
                let progress =
                    Progress::start(format!("compare {}", table.name), Some(found.buckets.total().items), arguments.json);
                let buckets = &found.buckets;
                let compared = compare::compare_buckets(scanner, buckets, source, table, arguments.names, &progress).await?;
                progress.finish();
                Some(compared)
            }
        };
        report.add(TableReport::new(table, found, compared));
    }
    report.find(&findings);
    if arguments.apply && !findings.is_empty() {
        let file = arguments.save.clone().unwrap_or_else(|| format!("forum-repair-{}.jsonl", now().replace(':', "")).into());
        let left = repair::apply(scanner, &findings, &file).await?;
        let mut rest = Vec::new();
        for table in TABLES.into_iter().filter(|table| findings.iter().any(|(of, _)| of.name == table.name)) {
            rest.extend(check(scanner, table).await?.into_iter().map(|finding| (table, finding)));
        }
        report.repaired(findings.len() - left, file, &rest);
    }
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
        if !report.findings.is_empty() && !arguments.apply {
            println!("Next: forum verify --repair --apply");
        }
    }
    Ok(if report.differs { Outcome::Differences } else { Outcome::Done })
}

async fn check(scanner: &Scanner, table: &'static Table) -> Result<Vec<Finding>> {
    scanner.store.check(table).await.with_context(|| format!("cannot check table {} of {}", table.name, scanner.location))
}

impl Arguments {
    async fn against(&self) -> Result<Option<Source>> {
        if let Some(path) = &self.against_backup {
            return existing(path.clone()).map(Source::Backup).map(Some);
        }
        if let Some(path) = &self.against_dir {
            return self.directory(&existing(path.clone())?).await.map(Some);
        }
        let Some(region) = &self.against_region else { return Ok(None) };
        if self.store.backend == Backend::Json {
            bail!("--against-region compares two Regions of DynamoDB; set USE_DYNAMODB=true");
        }
        let other = DynamoConfig {
            aws_region: region.clone(),
            dynamodb_endpoint: self.against_endpoint.clone().or_else(|| self.store.dynamodb.dynamodb_endpoint.clone()),
            ..self.store.dynamodb.clone()
        };
        Ok(Some(Source::Store(Scanner::open_dynamodb(&other, self.segments, self.max_read_units).await?)))
    }

    async fn directory(&self, path: &Path) -> Result<Source> {
        if !Directory::is_store(path) {
            return Directory::open(path).map(Source::Directory);
        }
        let json = StoreConfig { backend: Backend::Json, data_dir: path.to_owned(), ..self.store.clone() };
        Ok(Source::Store(Scanner::open(&json, self.segments, None).await?))
    }
}
