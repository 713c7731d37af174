//! The numbers of the [seeker](super), tuned on the simulator in its tests.

/// Calls a second until the first answer came: nothing is known, so be polite.
pub(super) const FIRST_RATE: f64 = 2.0;
/// Never slower than this, so that a run always goes on.
pub(super) const LEAST_RATE: f64 = 0.1;

/// A pace is filled when so much of it is used: less, and calls were not held back by it. Below
/// 1, as answers that are late or failed are missing from the count.
pub(super) const FILLED: f64 = 0.8;

/// Starting: growth of the pace after each clean round; answers and seconds of a round
/// (the first answer of all is one), so that its 429s would have come back.
pub(super) const START_GROWTH: f64 = 2.12;
pub(super) const START_ANSWERS: u32 = 2;
pub(super) const START_ROUND: f64 = 0.35;
/// Clean seconds at the ceiling before it is held, as a burst may have hidden a limit.
pub(super) const CEILING_ROUND: f64 = 2.55;
/// First pace after a refusal, over the peak if the run was long enough (s) to have one,
/// else over the refused pace; and at most, as fixed windows may pass twice their limit.
pub(super) const GUESS: f64 = 0.961;
pub(super) const PEAK_RUN: f64 = 0.9;
pub(super) const SHORT_GUESS: f64 = 0.783;
pub(super) const MOST_GUESS: f64 = 0.9;

/// Fewer answers than these before a refusal say nothing: others had used the limit up.
pub(super) const FEW: u32 = 3;
/// One such refusal cuts the pace to no less than this share.
pub(super) const FEW_LEAST: f64 = 0.25;

/// Searching: clean answers and seconds after which a pace counts as borne.
pub(super) const SEARCH_ANSWERS: u32 = 7;
pub(super) const SEARCH_ROUND: f64 = 1.6;
/// Steps of the climb after a refusal: the first (it doubles) and the largest.
pub(super) const CLIMB_LEAST: f64 = 0.05;
pub(super) const CLIMB_MOST: f64 = 0.29;
/// Where between the bounds to go (0 the low one, 1 the high one, by ratio; low, as a
/// refusal costs a pause), and the ratio of the bounds that ends the search.
pub(super) const BETWEEN: f64 = 0.416;
pub(super) const CLOSE: f64 = 1.1;
/// One refusal cuts the pace to no less than this share.
pub(super) const DEEPEST_CUT: f64 = 0.75;

/// A pause of so many seconds shows a long window.
pub(super) const LONG_PAUSE: f64 = 2.68;
/// A run of calls shorter than this share of its time, the pause included, met a window that
/// calls before it had filled, so that its measure is too low.
pub(super) const WHOLE_RUN: f64 = 0.124;
/// Answers that a measure needs.
pub(super) const MEASURE_ANSWERS: u32 = 8;
/// Two measures give a limit when they differ by no more than the first share from what it makes them be, and their shares
/// of the pause by more than the second.
pub(super) const AGREE: f64 = 0.0391;
pub(super) const APART: f64 = 0.06;
/// A run is at an even pace when its calls are so many, over those at the pace of its end.
pub(super) const EVEN: f64 = 0.97;
/// Pace held, over a measure that is believed.
pub(super) const BELIEVED: f64 = 0.976;
/// When, between the last refusal (0) and the first answer (1), the API opened again: for
/// the measure (early, as too high a pace is found out and too low a one is not), and for
/// the next pause.
pub(super) const OPENED: f64 = 0.138;
pub(super) const OPENED_FOR_PAUSE: f64 = 0.369;
/// The longest first pause, s. The shortest is one second.
pub(super) const LONGEST_PAUSE: f64 = 30.0;

/// Calls pile up: seconds and answers of a block, at least, ...
pub(super) const BLOCK: f64 = 0.3;
pub(super) const BLOCK_ANSWERS: u32 = 8;
/// ... the fastest of which took so many times as long as ever, and so many seconds more (as
/// answers in a few ms vary by more), ...
pub(super) const SLOW_TIMES: f64 = 2.0;
pub(super) const SLOW_LEAST: f64 = 0.05;
/// ... and after how many such blocks that is not for our calls.
pub(super) const SLOW_BLOCKS: u32 = 12;

/// Holding: answers of a hold and of a probe, at least.
pub(super) const HOLD_ANSWERS: u32 = 8;
/// Seconds of a probe, and between probes: at least, at first, at most (a refused probe doubles
/// them), and for a pace that a measure gave.
pub(super) const PROBE: f64 = 1.0;
pub(super) const SHORTEST_HOLD: f64 = 1.0;
pub(super) const HOLD: f64 = 29.0;
pub(super) const LONGEST_HOLD: f64 = 240.0;
pub(super) const BELIEVED_HOLD: f64 = 37.0;
/// Clean seconds after which a held pace counts as proved.
pub(super) const PROVED: f64 = 13.0;
/// Step of a probe: the first (a clean probe doubles it) and the largest.
pub(super) const PROBE_STEP: f64 = 0.039;
pub(super) const PROBE_STEP_MOST: f64 = 0.539;
/// Held pace after a refused probe, over the one before: a taker gives up a little.
pub(super) const AFTER_PROBE: f64 = 0.982;
/// A refused probe of more than this over the held pace begins a search.
pub(super) const WIDE_PROBE: f64 = 1.27;
/// Probes stay this far below a pace that was refused; less than the least gain is not
/// worth a refusal.
pub(super) const BELOW_REFUSED: f64 = 0.985;
pub(super) const LEAST_GAIN: f64 = 1.01;
/// A held pace is refused: another client came, or the limit fell. Cut to this share, ...
pub(super) const HOLD_CUT: f64 = 0.9;
/// ... then, by such steps every so many seconds, back to between the measure and the
/// refused pace, but no lower than the last share of it.
pub(super) const RETURN_STEP: f64 = 1.04;
pub(super) const RETURN: f64 = 1.33;
pub(super) const RETURN_LEAST: f64 = 0.92;
/// Clean seconds after which the next refusal is a first one again; sooner, search.
pub(super) const SETTLED: f64 = 5.33;
/// Below this share of the best pace proved (forgotten to 1/e in so many seconds) probes
/// come sooner, in larger steps: a limit that fell often comes back.
pub(super) const LOST: f64 = 0.9;
pub(super) const FORGET: f64 = 1600.0;
pub(super) const LOST_HOLD: f64 = 4.0;
pub(super) const LOST_STEP: f64 = 0.133;

/// A remembered rate is held for so many seconds before the first probe, as it may be far
/// too low; growth and most of the steps, answers of a probe.
pub(super) const REMEMBERED_HOLD: f64 = 1.8;
pub(super) const REMEMBERED_GROWTH: f64 = 4.0;
pub(super) const REMEMBERED_STEP_MOST: f64 = 1.0;
pub(super) const REMEMBERED_STEP: f64 = 0.15;
pub(super) const REMEMBERED_ANSWERS: u32 = 2;
/// A measure so close to it, by share, confirms it.
pub(super) const REMEMBERED_AGREE: f64 = 0.25;

/// A pace that was borne is refused again within so many seconds: others use the same limit.
pub(super) const SHARED: f64 = 45.0;
/// It is cut to this share, of the limit that the episode shows but no less than this of the pace, ...
pub(super) const SHARED_CUT: f64 = 0.85;
pub(super) const SHARED_LEAST: f64 = 0.65;
/// ... and climbs every [`RETURN`] seconds by so many times its square root (no more than that share of it): for its size,
/// a slow pace climbs more than a fast one.
pub(super) const SHARED_STEP: f64 = 0.1;
