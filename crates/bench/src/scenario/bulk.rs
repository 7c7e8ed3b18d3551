//! Loading a table: restore and migrate against BatchWriteItem driven bare.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;

use super::grouped;
use crate::data::Forum;
use crate::endpoint::{Endpoint, bench};
use crate::figures::{Bound, Metric, Sample, Section, ratio};
use crate::place::Place;
use crate::progress::item_rate;
use crate::round::{Subject, interleave};
use crate::server::Program;
use crate::variant::patient;

/// Parts of the backup that restore loads at once, with eight batches of each on their way. Migrate is one stream of eight.
const PARTS: &str = "4";
const BARE_RESTORE: &str = "bare BatchWriteItem, 32 at once";
const BARE_RESTORE_AS_FORUM: &str = "bare BatchWriteItem as the forum calls it, 32 at once";
const BARE_MIGRATE: &str = "bare BatchWriteItem, 8 at once";
/// How often memory and the step are looked at.
const EVERY: Duration = Duration::from_millis(100);

pub(super) async fn measure(place: &Place) -> Result<Section> {
    let posts = place.settings.items(1_000_000);
    let tenth = posts / 10;
    let store = Forum::of_posts(posts).json_store(place).await?;
    let dir = place.copy_of(&store, "bulk")?;
    let [file, few] = [backup(place, posts).await?, backup(place, tenth).await?];

    let forum = place.binary("forum");
    let restore = |file: &str| patient(Program::new(&forum, &["restore", "--json", "--file", file]).env("USE_DYNAMODB", "true"));
    let marks = [&file, &few].map(|file| PathBuf::from(format!("{file}.restoring")));
    let migrate = patient(Program::new(&forum, &["migrate", "--json", "--from", &dir.display().to_string()]));
    let bare_migrate = bench(&["limit", "batch-write", "--file", &file]);
    let bare_restore = bench(&["limit", "batch-write", "--file", &file, "--parts", PARTS]);
    let as_forum = bench(&["limit", "batch-write", "--file", &file, "--parts", PARTS, "--as-forum"]);
    let (all, some) = (format!("{} posts", grouped(posts)), format!("{} posts", grouped(tenth)));
    let subject = |variant: &str, load: &str, step: &'static str, program: Program| -> Box<dyn Subject + '_> {
        Box::new(Loading { place, variant: variant.to_owned(), load: load.to_owned(), step, program, marks: &marks })
    };
    let rows = interleave(
        place.settings.rounds_of_minutes(),
        vec![
            subject("forum restore", &all, "restore posts", restore(&file)),
            subject(BARE_RESTORE, &all, "batch write", bare_restore),
            subject(BARE_RESTORE_AS_FORUM, &all, "batch write", as_forum),
            subject("forum migrate", &all, "migrate posts", migrate),
            subject(BARE_MIGRATE, &all, "batch write", bare_migrate),
            subject("forum restore", &some, "restore posts", restore(&few)),
        ],
    )
    .await?;

    let goal = |ours: &str, limit: &str, bound| {
        let rate = |variant| (variant, all.as_str(), Metric::ItemRate);
        ratio(&rows, &format!("{ours} / {limit}: items/s"), rate(ours), rate(limit), bound)
    };
    let [whole, part] = [&all, &some].map(|load| ("forum restore", load.as_str(), Metric::PeakRss));
    let goals = vec![
        goal("forum restore", BARE_RESTORE, Bound::AtLeast(0.9))?,
        goal(BARE_RESTORE_AS_FORUM, BARE_RESTORE, Bound::Any)?,
        goal("forum migrate", BARE_MIGRATE, Bound::AtLeast(0.9))?,
        ratio(&rows, &format!("forum restore: peak RSS of {all} / of {some}"), whole, part, Bound::AtMost(1.2))?,
    ];
    Ok(Section {
        title: "Restore and migrate to DynamoDB".to_owned(),
        method: "Posts with their two indexes into a dynoxide of their own. items/s are of the step that writes; checking the \
                 file before is not in it, and the comparison after is not waited for. The limit makes the same items \
                 in the same order, as many at once, and does nothing else; as the forum calls it, it has the forum's timeouts and \
                 retries, and asks for the capacity that each call consumed."
            .to_owned(),
        rows,
        goals,
        plots: Vec::new(),
    })
}

/// A backup of so many posts.
async fn backup(place: &Place, posts: usize) -> Result<String> {
    let store = Forum::of_posts(posts).json_store(place).await?;
    let dir = place.copy_of(&store, "backup-source")?;
    let file = place.fresh(&format!("backup-{posts}"))?.join("forum.jsonl").display().to_string();
    let output = Command::new(place.binary("forum"))
        .args(["backup", "--file", &file])
        .env("DATA_DIR", &dir)
        .output()
        .context("cannot run forum backup")?;
    ensure!(output.status.success(), "forum backup: {}", String::from_utf8_lossy(&output.stderr));
    Ok(file)
}

/// A program that fills an empty DynamoDB, and tells how fast one of its steps was.
struct Loading<'a> {
    place: &'a Place,
    variant: String,
    load: String,
    step: &'static str,
    program: Program,
    /// The files in which a restore notes what is done.
    marks: &'a [PathBuf],
}

#[async_trait(?Send)]
impl Subject for Loading<'_> {
    fn name(&self) -> (String, String) {
        (self.variant.clone(), self.load.clone())
    }

    async fn measure(&mut self) -> Result<Sample> {
        let endpoint = Endpoint::dynoxide(self.place).await?;
        // Left by a restore that was ended before it had compared everything.
        for mark in self.marks.iter().filter(|mark| mark.exists()) {
            std::fs::remove_file(mark)?;
        }
        let mut program = self.program.clone();
        program.arguments.extend(["--endpoint".to_owned(), endpoint.url.clone()]);
        let mut process = program.start(self.place, self.place.cores.server, "bulk")?;
        let mut peak = 0.0_f64;
        let mut timer = tokio::time::interval(EVERY);
        let rate = loop {
            timer.tick().await;
            peak = peak.max(process.peak_rss_mb().unwrap_or_default());
            let ended = process.has_ended()?;
            let output = process.output()?;
            if let Some(rate) = item_rate(&output, self.step) {
                break rate;
            }
            ensure!(ended.is_none(), "{} ended before {:?} was complete: {output}", self.variant, self.step);
        };
        Ok([(Metric::ItemRate, rate), (Metric::PeakRss, peak)].into())
    }
}
