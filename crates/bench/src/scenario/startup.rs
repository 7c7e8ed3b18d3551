//! From the start of a program to its first answer, and what it takes of memory once it has listed too.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use async_trait::async_trait;

use super::grouped;
use crate::data::{Forum, post_id, thread_id};
use crate::endpoint::bench;
use crate::figures::{Bound, Metric, Sample, Section, absolute, ratio};
use crate::load::fetch;
use crate::place::Place;
use crate::round::{Subject, interleave};
use crate::server::{Program, Server};
use crate::variant::{self, Backend};

const LOAD: &str = "start";
const LARGER: &str = "RSS: most of what the service takes with one post is its program, mapped from the file as far as it ran; the \
    items add little more than their file.";
const HASHED: &str = "Start: the sha256 of the snapshot is checked, and all of it is kept in memory. On one core of the machine of 2026-11-30 \
    that alone took 535 ms for 412 MB: 292 ms to hash it, and 243 ms to read it from the page cache into memory that the system has to clear. Where \
    there is a second core the hash is made there.";
const INDEXED: &str = "RSS / files: beside the text of a post, which the items share with the list of keys and the indexes, the list of keys \
    takes 24 bytes and each of the two indexes 32: 0.21 of a post of 412 bytes; the program takes 12 MB, 0.03 of the files.";

pub(super) async fn measure(place: &Place) -> Result<Section> {
    let sizes = [1, place.settings.items(10_000), place.settings.items(1_000_000)];
    let names = sizes.map(|posts| format!("posts-svc, {} posts", grouped(posts)));
    let mut subjects: Vec<Box<dyn Subject + '_>> = Vec::new();
    for (variant, posts) in names.iter().zip(sizes) {
        let store = Forum::of_posts(posts).json_store(place).await?;
        let dir = place.copy_of(&store, &format!("startup-{posts}"))?;
        let program = {
            let dir = dir.clone();
            move |port| variant::program(place, "posts-svc", Backend::Json(&dir), port)
        };
        subjects.push(Box::new(Start {
            place,
            variant: variant.clone(),
            ready: format!("/api/posts/{}", post_id(0)),
            list: Some(format!("/api/posts/in-thread/{}?limit=1", thread_id(0))),
            dir: Some(dir),
            program: Box::new(program),
        }));
    }
    let body = place.fresh("startup-constant")?.join("body");
    std::fs::write(&body, "{}")?;
    subjects.push(Box::new(Start {
        place,
        variant: "bare axum".to_owned(),
        ready: "/".to_owned(),
        list: None,
        dir: None,
        program: Box::new(move |port| {
            bench(&["limit", "constant", "--body", &body.display().to_string(), "--port", &port.to_string()])
        }),
    }));
    let rows = interleave(place.settings.rounds, subjects).await?;

    let [one, few, many] = names.each_ref().map(|name| name.as_str());
    let figure = |variant, metric| (variant, LOAD, metric);
    let goals = vec![
        absolute(&rows, &format!("{few}: ms to the first answer"), figure(few, Metric::Start), Bound::AtMost(50.0))?,
        absolute(&rows, &format!("{few}: RSS in MB"), figure(few, Metric::Rss), Bound::AtMost(20.0))?.or_because(LARGER),
        absolute(&rows, &format!("{one}: RSS in MB"), figure(one, Metric::Rss), Bound::Any)?,
        absolute(&rows, &format!("{many}: ms to the first answer"), figure(many, Metric::Start), Bound::AtMost(600.0))?
            .or_because(HASHED),
        ratio(
            &rows,
            &format!("{many}: RSS / files"),
            figure(many, Metric::Rss),
            figure(many, Metric::FileSize),
            Bound::AtMost(1.3),
        )?
        .or_because(INDEXED),
    ];
    Ok(Section {
        title: "Start and memory".to_owned(),
        method: "Time from the start of the program to the answer to a GET of one post, asked for without pause; memory after the \
                 answer to a list, for which the service makes its indexes after the start. The files are in the page cache. bare axum, which is this very program, shows what starting any program takes."
            .to_owned(),
        rows,
        goals,
        plots: Vec::new(),
    })
}

/// A program that is started, asked once, and ended.
struct Start<'a> {
    place: &'a Place,
    variant: String,
    ready: String,
    /// A list, for which indexes are made.
    list: Option<String>,
    dir: Option<PathBuf>,
    program: Box<dyn Fn(u16) -> Program + 'a>,
}

#[async_trait(?Send)]
impl Subject for Start<'_> {
    fn name(&self) -> (String, String) {
        (self.variant.clone(), LOAD.to_owned())
    }

    async fn measure(&mut self) -> Result<Sample> {
        let server = Server::start(self.place, "startup", &self.ready, &self.program).await?;
        let milliseconds = server.started_in.as_secs_f64() * 1e3;
        if let Some(list) = &self.list {
            let answer = fetch(server.address, list).await?;
            ensure!(answer.status == 200, "{list} answered {}", answer.status);
        }
        let mut sample: Sample =
            [(Metric::Start, milliseconds), (Metric::Rss, server.rss_mb()?), (Metric::PeakRss, server.peak_rss_mb()?)].into();
        if let Some(dir) = &self.dir {
            sample.insert(Metric::FileSize, megabytes(dir)?);
        }
        Ok(sample)
    }
}

fn megabytes(dir: &Path) -> Result<f64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes as f64 / 1e6)
}
