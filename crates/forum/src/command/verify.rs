//! `forum verify`: a store alone, or compared with another source.

mod report;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use db_adapter::config::{DynamoConfig, FenceConfig, StoreConfig};
use db_adapter::forum::{TABLES, activity, in_reference_order, modlog, now, post, thread};
use db_adapter::{Backend, Finding, Table};

use self::report::{Report, TableReport};
use crate::command::arguments::{FenceArguments, OutputArguments, ReadArguments};
use crate::command::next;
use crate::data::activity::Activity;
use crate::data::compare;
use crate::data::inspect::{Ids, inspect};
use crate::data::repair::{self, SaveFile};
use crate::data::source::directory::ReadingArguments;
use crate::data::source::{Scanner, Source, existing};
use crate::output;
use crate::run::interrupt::or_interrupted;
use crate::run::progress::Progress;
use crate::{Outcome, Tables};

/// What a verification leaves that is interrupted.
const STARTS_OVER: &str = "a verification starts over; what was repaired is kept";

/// Verify the items, claims and references of the store, and compare it with another source
///
/// Exit code 3 if the sources differ, an item is broken, a claim on a unique value is wrong, or a thread does not say what its posts do; each
/// such item is listed. References
/// to items that do not exist, unknown attributes and ids that several items share are only reported, unless --strict is given. Needs
/// eight bytes of memory per item, and a hundred per thread. [API: Scan, BatchGetItem]
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    USE_DYNAMODB=true forum verify --region us-west-2\n  \
    USE_DYNAMODB=true forum verify --against-region us-west-2\n  \
    forum verify --against-backup forum-2026-01-31.jsonl.zst\n  \
    USE_DYNAMODB=true forum verify --repair --apply")]
pub(crate) struct Arguments {
    /// Compare with a folder: a JSON store, or files as `forum migrate --from` reads them
    #[arg(long, value_name = "DIR", group = "against")]
    against_dir: Option<PathBuf>,

    #[command(flatten)]
    reading: ReadingArguments,

    /// Compare with a file that `forum backup` wrote
    #[arg(long, value_name = "FILE", group = "against")]
    against_backup: Option<PathBuf>,

    /// Compare with the tables of the same names in another AWS Region
    #[arg(long, value_name = "REGION", group = "against")]
    against_region: Option<String>,

    /// The endpoint in the other Region, if it is not the default or DYNAMODB_ENDPOINT
    #[arg(long, value_name = "URL", requires = "against_region")]
    against_endpoint: Option<String>,

    /// List what --apply repairs
    #[arg(long)]
    repair: bool,

    /// Repair: mend broken items and what threads say of their posts, add missing claims, remove dangling claims and what cannot be mended, after saving all of it
    #[arg(long, requires = "repair")]
    apply: bool,

    /// File to save what a repair removes [default: forum-repair-TIME.jsonl in the current folder]
    #[arg(long, value_name = "FILE", requires = "apply")]
    save: Option<PathBuf>,

    /// Count dangling references, unknown attributes and shared ids as differences
    #[arg(long)]
    strict: bool,

    /// Maximum number of items to list per table and kind
    #[arg(long, value_name = "N", default_value = "100")]
    names: usize,

    #[command(flatten)]
    fence: FenceArguments,

    #[command(flatten)]
    read: ReadArguments,

    #[command(flatten)]
    output: OutputArguments,

    #[command(flatten)]
    store: StoreConfig,
}

/// Runs `forum verify`.
pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    arguments.reading.check(arguments.against_dir.is_some(), "--against-dir")?;
    let store = arguments.fence.settings(&arguments.store);
    let next = next::same();
    let scanner = Scanner::open_broken(&store, arguments.read.segments, arguments.read.max_read_units);
    let scanner = or_interrupted(scanner, STARTS_OVER, &next).await?;
    let done = or_interrupted(verify(&arguments, &scanner, &TABLES), STARTS_OVER, &next).await;
    scanner.store.close().await?;
    let report = done?;
    output::print(arguments.output.format(), &report)?;
    Ok(Outcome::of_comparison(report.differs))
}

/// Verifies every table, and compares it if another source is given.
pub(super) async fn verify(arguments: &Arguments, scanner: &Scanner, tables: Tables) -> Result<Report> {
    let against = arguments.against(tables).await?;
    let mut report = Report::new(scanner, against.as_ref(), arguments.strict);
    let mut findings = Vec::new();
    let (mut ids, mut activity) = (Ids::default(), Activity::default());
    for table in in_reference_order(tables) {
        let progress = Progress::start(format!("verify {}", table.name), None, arguments.output.format());
        let found = inspect(scanner, table, tables, &mut ids, &mut activity, arguments.names, &progress).await?;
        progress.finish();
        // Without unique attributes and broken items there is nothing else to find.
        if !table.unique.is_empty() || found.broken_items > 0 {
            findings.extend(check(scanner, table).await?.into_iter().map(|finding| (table, finding)));
        }
        let compared = match &against {
            None => None,
            Some(source) => {
                let progress = Progress::start(
                    format!("compare {}", table.name),
                    Some(found.buckets.total().items),
                    arguments.output.format(),
                );
                let buckets = &found.buckets;
                let compared = compare::compare_buckets(scanner, buckets, source, table, arguments.names, &progress).await?;
                progress.finish();
                Some(compared)
            }
        };
        report.add(TableReport::new(table, found, compared));
    }
    let silent = activity.findings(scanner).await.context("cannot compare threads with their posts")?;
    findings.extend(silent.into_iter().map(|finding| (&thread::TABLE, finding)));
    report.find(&findings);
    // Other tables than the forum's have no log.
    if tables.iter().any(|table| table.name == modlog::TABLE.name) {
        report.unfinished = moderation::unfinished(&*scanner.store).await.context("cannot read the log of moderation")?;
    }
    if arguments.apply && !findings.is_empty() {
        let file = arguments.save.clone().unwrap_or_else(|| format!("forum-repair-{}.jsonl", now().replace(':', "")).into());
        let mut file = SaveFile::create(file)?;
        let mut left = repair::apply(scanner, &findings, &mut file).await?;
        // What was mended or removed changes what threads should say.
        let threads = threads_of(&findings);
        let silent = silent_of(scanner, &threads).await?;
        if !silent.is_empty() {
            left += repair::apply(scanner, &silent, &mut file).await?;
            findings.extend(silent);
        }
        let mut rest = Vec::new();
        for table in tables.iter().copied().filter(|table| findings.iter().any(|(of, _)| of.name == table.name)) {
            rest.extend(check(scanner, table).await?.into_iter().map(|finding| (table, finding)));
        }
        rest.extend(silent_of(scanner, &threads).await?);
        report.repaired(findings.len() - left, file.path, &rest);
    }
    for finding in &mut report.findings {
        finding.look_up_times(&*scanner.store).await;
    }
    Ok(report)
}

/// The threads that these findings are about: of a thread, or of a post in it.
fn threads_of(findings: &[(&'static Table, Finding)]) -> BTreeSet<String> {
    let thread = |(table, finding): &(&'static Table, Finding)| match table.name {
        name if name == thread::TABLE.name => Some(finding.key().hash.clone()),
        name if name == post::TABLE.name => finding.key().range.clone(),
        _ => None,
    };
    findings.iter().filter_map(thread).collect()
}

/// Those of these threads that do not say what their posts do.
async fn silent_of(scanner: &Scanner, threads: &BTreeSet<String>) -> Result<Vec<(&'static Table, Finding)>> {
    let mut found = Vec::new();
    for id in threads {
        found.extend(activity::check(&*scanner.store, id).await?.map(|finding| (&thread::TABLE, finding)));
    }
    Ok(found)
}

async fn check(scanner: &Scanner, table: &'static Table) -> Result<Vec<Finding>> {
    scanner.store.check(table).await.with_context(|| format!("cannot check table {} of {}", table.name, scanner.location))
}

impl Arguments {
    async fn against(&self, tables: Tables) -> Result<Option<Source>> {
        if let Some(path) = &self.against_backup {
            return existing(path.clone()).map(Source::Backup).map(Some);
        }
        if let Some(path) = &self.against_dir {
            let json = StoreConfig {
                backend: Backend::Json,
                data_dir: path.clone(),
                fence: FenceConfig::default(),
                ..self.store.clone()
            };
            let folder = existing(path.clone())?;
            return Source::folder(&folder, tables, &self.reading, &json, self.read.segments).await.map(Some);
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
        Ok(Some(Source::Store(
            Scanner::open_dynamodb(&other, &FenceConfig::default(), self.read.segments, self.read.max_read_units).await?,
        )))
    }
}
