//! Cuts the power at each step on the disk, in each way in which the disk may forget, and lets the command go on: the
//! promises hold against the record of the server, whatever was forgotten. The model of the disk says what is assumed.

mod scene;
mod truth;
mod worlds;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use self::scene::{RESULTS, Ran, Scene, World};
use self::truth::{Moment, check, check_rows, moments, statuses, text_of};
use self::worlds::Worlds;
use crate::results::disk::tests::Fault;

/// Six rows that end in all ways: two are cancelled, one is not found, the answer for one is lost, one is forbidden the
/// first time, one is refused.
const IDS: [u64; 6] = [101, 297, 301, 401, 590, 601];
const FAULTS: &str = r#"[{"ids": 301, "attempts": 1, "answer": {"status": 200, "body": "<html>", "applied": true}},
                         {"ids": 401, "attempts": 1, "answer": {"status": 403}}]"#;

/// A run that lets two rows at a time be sent, and syncs some of their results in between.
const SLOWLY: [&str; 7] = ["--resume", "--max-attempts", "1", "--rate", "20/s", "--concurrency", "2"];
const FAST: [&str; 7] = ["--resume", "--max-attempts", "1", "--rate", "unlimited", "--concurrency", "2"];
/// A run that leaves rows to the next one.
const IN_PART: [&str; 9] =
    ["--resume", "--max-attempts", "1", "--rate", "unlimited", "--concurrency", "1", "--limit", "2"];

/// What the first calls for some of 600 rows meet: lost answers, lost calls, answers that mean nothing, refusals.
const MANY_FAULTS: &str = r#"[{"ending": 1, "attempts": 1, "close": {"applied": true}},
                              {"ending": 17, "attempts": 1, "answer": {"status": 200, "body": "{}", "applied": true}},
                              {"ending": 33, "attempts": 1, "answer": {"status": 503, "applied": true}},
                              {"ending": 49, "attempts": 1, "close": {}},
                              {"ending": 65, "attempts": 1, "answer": {"status": 403}}]"#;

/// How many runs go on at once: they wait more than they work.
const AT_ONCE: usize = 6;

/// Tries all cases, some at a time, and fails with the first that failed, after the number of those that did.
#[expect(clippy::print_stdout, reason = "how many cases there were is told with --nocapture")]
fn each<T: Sync>(what: &str, cases: &[T], test: impl Fn(usize, &T) -> Result<(), String> + Sync) {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((number, case)) = cases.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(failure) = test(number, case) {
                failures.lock().unwrap_or_else(PoisonError::into_inner).push((number, failure));
            }
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    let failures = failures.into_inner().unwrap();
    println!("{what}: {} tried", cases.len());
    if let Some((number, failure)) = failures.first() {
        panic!("{what}: {} of {} failed, such as {number}: {failure}", failures.len(), cases.len());
    }
}

/// A failure, with the world in which a run began and what it left.
fn told(error: &str, world: &World, ran: &Ran) -> String {
    let calls: Vec<_> = world.calls.iter().map(|call| (call.invitation, call.status, call.is_applied())).collect();
    let (before, after) = (text_of(&world.disk), text_of(&ran.after));
    format!("{error}\nthe disk: {before:#?}\nthe server: {calls:?}\nthen: {after:#?}\nit said: {}", ran.said)
}

/// How much of what may be is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All that one power cut may leave and then a second one, and a part of what a third may: for long runs.
    All,
    /// All that one power cut may leave, and a part of what comes after: for every change.
    Sample,
}

/// Of how many runs one is cut off again in a sample.
const SAMPLED: usize = 4;

/// Runs with the arguments `first`, cuts the power at each moment in each way, and goes on with the one or the other of
/// `further`; cuts the power again during that, and a third time. Each run that is not cut off has to tell the truth.
fn cut_again(scene: &Scene, world: &World, first: &[&str], further: [&[&str]; 2], extent: Extent) {
    let ran = scene.run(world, first, None);
    let known = Mutex::new(Worlds::default());
    let mut worlds = known.lock().unwrap().new_among(&check(scene, world, &ran).unwrap());
    for cuts in 1..=3 {
        let next = Mutex::new(Vec::new());
        each(&format!("after {cuts} of 3 power cuts"), &worlds, |number, world| {
            let moments = goes_on(scene, world, further[number % 2])?;
            let one = || vec![random_world(&moments, &mut seeded(number))];
            let all = || known.lock().unwrap().new_among(&moments);
            next.lock().unwrap().extend(match (extent, cuts) {
                (Extent::All, 1) => all(),
                (Extent::Sample, 2) => one(),
                (Extent::All, 2) | (Extent::Sample, 1) if number % SAMPLED == 0 => one(),
                _ => Vec::new(),
            });
            Ok(())
        });
        worlds = next.into_inner().unwrap();
    }
}

/// What a power cut at one of these moments may leave.
fn random_world(moments: &[Moment], random: &mut fastrand::Rng) -> World {
    moments[random.usize(..moments.len())].random_world(random)
}

/// Goes on in this world to the end of the run, checks what becomes of it, and tells its moments.
fn goes_on(scene: &Scene, world: &World, arguments: &[&str]) -> Result<Vec<Moment>, String> {
    let ran = scene.run(world, arguments, None);
    check(scene, world, &ran).map_err(|error| told(&error, world, &ran))
}

fn seeded(seed: usize) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed.try_into().unwrap())
}

fn six_rows(extent: Extent) {
    cut_again(&Scene::new(IDS, FAULTS), &World::default(), &SLOWLY, [&FAST, &IN_PART], extent);
}

#[test]
fn six_rows_are_told_truly_after_any_power_cut() {
    six_rows(Extent::Sample);
}

#[test]
fn rows_that_the_lists_settle_are_told_truly_after_any_power_cut() {
    let and_verify = [&FAST[..], &["--verify"]].concat();
    let scene = Scene::new([301, 401, 601], FAULTS);
    cut_again(&scene, &World::default(), &and_verify, [&and_verify, &IN_PART], Extent::Sample);
}

#[test]
fn a_run_over_the_journal_of_another_is_told_truly_after_any_power_cut() {
    let scene = Scene::new([301, 401, 601], FAULTS);
    scene.write_input(&(1..=40).collect::<Vec<u64>>());
    let mut other = scene.run(&World::default(), &FAST, None);
    other.after.remove(RESULTS).unwrap();
    scene.write_input(&scene.ids);
    let world = World { disk: other.after, ..World::default() };
    cut_again(&scene, &world, &FAST, [&FAST, &IN_PART], Extent::Sample);
}

#[test]
fn results_that_take_the_place_of_others_are_told_truly_after_any_power_cut() {
    let all_are_forbidden_once = r#"[{"attempts": 1, "answer": {"status": 403}}]"#;
    let scene = Scene::new([301, 401, 601], all_are_forbidden_once);
    let before = scene.run(&World::default(), &FAST, None);
    assert!(statuses(&before.after).iter().all(|(_, status)| status == "forbidden"));
    let world = World { disk: before.after, calls: before.calls, ..World::default() };
    let overwrite = [&["--overwrite"], &FAST[1..]].concat();
    let ran = scene.run(&world, &overwrite, None);
    let after = Worlds::default().new_among(&check(&scene, &world, &ran).unwrap());
    each("after a power cut", &after, |_, after| {
        let gone_on = goes_on(&scene, after, &FAST);
        let has_called = after.calls.len() > world.calls.len();
        // New results whose journal is not there yet are not resumed; the operator begins anew once more.
        let begun_anew = |refused| if has_called { Err(refused) } else { goes_on(&scene, after, &overwrite) };
        gone_on.or_else(begun_anew).map(drop)
    });
}

fn six_hundred_rows(seeds: usize) {
    let scene = Scene::new(1..=600, MANY_FAULTS);
    each("seeds", &vec![(); seeds], |seed, ()| {
        let mut random = seeded(seed);
        let mut world = World::default();
        for limit in [random.usize(50..300), random.usize(50..300), random.usize(50..300), scene.ids.len()] {
            let limit = limit.to_string();
            let arguments = ["--resume", "--rate", "2000/s", "--concurrency", "8", "--limit", &limit];
            let moments = goes_on(&scene, &world, &arguments).map_err(|error| format!("seed {seed}: {error}"))?;
            world = random_world(&moments, &mut random);
        }
        Ok(())
    });
}

#[test]
fn six_hundred_rows_are_told_truly_after_power_cuts_at_random() {
    six_hundred_rows(4);
}

/// A disk on which one step, or all from one on, fail: what stands on it then is true, and so is what a later run makes of
/// it, also if the power is cut when the run has ended.
fn disk_that_refuses(extent: Extent) {
    let scene = Scene::new(IDS, FAULTS);
    let nothing = World::default();
    let (syncs, growths) = scene.run(&nothing, &SLOWLY, None).counts;
    let syncs = (1..=syncs).flat_map(|at| [Fault::Sync(at), Fault::SyncsFrom(at)]);
    let faults: Vec<Fault> = syncs.chain((1..=growths).flat_map(|at| [Fault::Room(at), Fault::RoomFrom(at)])).collect();
    let after = Mutex::new(Vec::new());
    each("a disk that refuses", &faults, |number, &fault| {
        let ran = scene.run(&nothing, &SLOWLY, Some(fault));
        let checked = check_rows(&scene, &nothing, &ran).and_then(|()| moments(&scene, &nothing, &ran));
        let moments = checked.map_err(|error| format!("{fault:?}: {}", told(&error, &nothing, &ran)))?;
        let last = moments.last().unwrap();
        let cut = match extent {
            Extent::All => Worlds::default().new_among(&moments),
            Extent::Sample => vec![last.random_world(&mut seeded(number)), last.random_world(&mut seeded(number + 1))],
        };
        let worlds = [last.world(ran.after.clone())].into_iter().chain(cut);
        after.lock().unwrap().extend(worlds.map(|world| (fault, world)));
        Ok(())
    });
    each("after that", &after.into_inner().unwrap(), |_, (fault, world)| {
        goes_on(&scene, world, &FAST).map(drop).map_err(|error| format!("{fault:?}: {error}"))
    });
}

#[test]
fn a_disk_that_refuses_leaves_no_row_lost_or_untrue() {
    disk_that_refuses(Extent::Sample);
}

/// `cargo test --lib power_cuts -- --ignored --nocapture`: the better part of an hour on two cores.
#[test]
#[ignore = "it takes the better part of an hour"]
fn six_rows_are_told_truly_after_any_two_power_cuts() {
    six_rows(Extent::All);
}

/// Some minutes, by the same command.
#[test]
#[ignore = "it takes some minutes"]
fn a_disk_that_refuses_and_forgets_leaves_no_row_lost_or_untrue() {
    disk_that_refuses(Extent::All);
    six_hundred_rows(60);
}
