//! The worlds in which a run may find itself after a power cut.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::scene::World;
use super::truth::Moment;
use crate::results::disk::tests::Image;

/// The worlds that were come upon, each once.
#[derive(Debug, Default)]
pub(super) struct Worlds {
    seen: HashSet<u64>,
}

impl Worlds {
    /// What the power cut may leave at each of these moments, without what was come upon before.
    pub(super) fn new_among(&mut self, moments: &[Moment]) -> Vec<World> {
        let all = moments
            .iter()
            .flat_map(|moment| moment.disk.after_power_cut().into_iter().map(move |image| moment.world(image)));
        all.filter(|world| self.seen.insert(likeness(world))).collect()
    }
}

impl Moment {
    /// The world in which the power cut left this image.
    pub(super) fn world(&self, disk: Image) -> World {
        World { disk, calls: self.calls.clone(), promised: self.promised.clone() }
    }

    /// A world that a power cut at this moment may leave.
    pub(super) fn random_world(&self, random: &mut fastrand::Rng) -> World {
        self.world(self.disk.after_some_power_cut(random))
    }
}

/// A number that two worlds share if they differ in nothing but times.
fn likeness(world: &World) -> u64 {
    let mut calls = BTreeMap::<_, Vec<_>>::new();
    for call in &world.calls {
        calls.entry(call.invitation).or_default().push((call.status, call.is_applied()));
    }
    let mut hasher = DefaultHasher::new();
    for (name, content) in &world.disk {
        (name, timeless(content)).hash(&mut hasher);
    }
    (calls, &world.promised).hash(&mut hasher);
    hasher.finish()
}

/// The start of a time, `0` for any digit.
const TIME: &[u8; 17] = b"0000-00-00T00:00:";

/// The bytes without the times in them, and without the durations that stand before times in the results.
fn timeless(content: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some((&byte, behind)) = rest.split_first() {
        let is_like = |(found, like): (&u8, &u8)| found == like || (*like == b'0' && found.is_ascii_digit());
        if byte.is_ascii_digit() && rest.len() > TIME.len() && rest.iter().zip(TIME).all(is_like) {
            if kept.ends_with(b",") {
                kept.pop();
                kept.truncate(kept.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |last| last + 1));
            }
            let is_of_time = |byte: &u8| byte.is_ascii_digit() || b"-:.TZ".contains(byte);
            let end = rest.iter().position(|byte| !is_of_time(byte)).unwrap_or(rest.len());
            kept.push(b't');
            rest = &rest[end..];
        } else {
            kept.push(byte);
            rest = behind;
        }
    }
    kept
}

#[test]
fn worlds_that_differ_in_times_alone_are_one() {
    let world = |row: &str| World { disk: Image::from([("f".to_owned(), row.into())]), ..World::default() };
    let like = likeness(&world("2,101,cancelled,200,,1,8,2026-11-24T15:34:52.779Z,101\n"));
    assert_eq!(like, likeness(&world("2,101,cancelled,200,,1,13,2027-01-02T03:04:05.678Z,101\n")));
    assert_ne!(like, likeness(&world("2,101,cancelled,200,,2,8,2026-11-24T15:34:52.779Z,101\n")));
}
