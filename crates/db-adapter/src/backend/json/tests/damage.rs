//! Damage of any kind to one file: everything acknowledged is read, or the start is refused and every file left alone.

use proptest::prelude::*;

use super::*;

/// What something else than a crash may do to a file.
#[derive(Debug, Clone)]
enum Damage {
    Overwrite(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    /// A part stands once more somewhere else.
    Copy(usize, usize, usize),
}

impl Damage {
    fn any() -> impl Strategy<Value = Self> {
        let (at, bytes) = (any::<usize>, || prop::collection::vec(any::<u8>(), 1..20));
        let length = || prop_oneof![1..200_usize, Just(usize::MAX / 2)];
        prop_oneof![
            (at(), bytes()).prop_map(|(at, bytes)| Self::Overwrite(at, bytes)),
            (at(), bytes()).prop_map(|(at, bytes)| Self::Insert(at, bytes)),
            (at(), length()).prop_map(|(at, length)| Self::Remove(at, length)),
            (at(), length(), at()).prop_map(|(at, length, to)| Self::Copy(at, length, to)),
        ]
    }

    /// Places count modulo the file's size; its end is one.
    fn apply(self, file: &mut Vec<u8>) {
        let places = file.len() + 1;
        let range = |at: usize, length: usize| at % places..(places - 1).min(at % places + length);
        match self {
            Self::Overwrite(at, mut bytes) => {
                let range = range(at, bytes.len());
                bytes.truncate(range.len());
                file.splice(range, bytes);
            }
            Self::Insert(at, bytes) => drop(file.splice(at % places..at % places, bytes)),
            Self::Remove(at, length) => drop(file.drain(range(at, length))),
            Self::Copy(at, length, to) => {
                let part = file[range(at, length)].to_vec();
                file.splice(to % places..to % places, part);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_is_read_or_the_start_refused(
        name in prop::sample::select(vec!["users.journal", "users.json", "users.lock"]),
        damage in prop::collection::vec(Damage::any(), 1..4),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let place = TestDir::new();
            let store = place.open().await;
            add(&store, "a").await.unwrap();
            store.close().await.unwrap();
            let store = place.open().await;
            for id in ["b", "c"] {
                add(&store, id).await.unwrap();
            }
            kill(store).await;
            let whole = place.read(name);
            let mut damaged = whole.clone();
            damage.into_iter().for_each(|damage| damage.apply(&mut damaged));
            place.write(name, &damaged);
            // The lock file can be made anew from the journal, and what stands behind the acknowledged batches is cut.
            if name == "users.lock" || damaged == whole || name == "users.journal" && damaged.starts_with(&whole) {
                assert_eq!(ids(&place.open().await).await, ["a", "b", "c"]);
            } else {
                let refusal = place.refusal().await;
                assert!(refusal.contains(name), "{refusal}");
            }
        });
    }
}
