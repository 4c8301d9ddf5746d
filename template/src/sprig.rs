//! Sprig 3.2.3's functions for text templates.
//!
//! Out: tables of [`Function`]s, each with its Go signature, to be given to [`Functions`](crate::Functions). Time, randomness and environment come
//! from the rendering's [`Host`](crate::Host). Where Sprig panics a function fails, with the text of that panic. What a template could use to fill
//! memory or to take forever is limited. What Sprig leaves to chance (the order of a map's keys) is sorted here.

mod args;
mod cast;
mod crypto;
mod date;
mod default;
mod dict;
mod encoding;
mod equal;
mod json;
mod list;
mod math;
mod merge;
mod path;
mod random;
mod reflect;
mod regex;
mod semver;
mod sequence;
mod split;
mod system;
mod text;
mod url;

use crate::func::Function;

/// Gives Sprig's functions but for those that make keys and certificates. Those that look at the environment or the network are known but fail.
pub fn functions() -> impl Iterator<Item = Function> {
    [
        crypto::FUNCTIONS,
        date::FUNCTIONS,
        default::FUNCTIONS,
        dict::FUNCTIONS,
        encoding::FUNCTIONS,
        json::FUNCTIONS,
        list::FUNCTIONS,
        math::FUNCTIONS,
        merge::FUNCTIONS,
        path::FUNCTIONS,
        path::TESTS,
        random::FUNCTIONS,
        reflect::FUNCTIONS,
        regex::FUNCTIONS,
        semver::FUNCTIONS,
        sequence::FUNCTIONS,
        split::FUNCTIONS,
        system::REFUSED,
        text::FUNCTIONS,
        text::MAPPED,
        url::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Gives `env` and `expandenv` as they work when the environment may be seen; to be added after [`functions`].
pub fn environment() -> impl Iterator<Item = Function> {
    system::ENVIRONMENT.iter().copied()
}

/// Gives `getHostByName` as it works when the network may be asked, which blocks the thread; to be added after [`functions`].
pub fn network() -> impl Iterator<Item = Function> {
    system::NETWORK.iter().copied()
}

/// The functions of Sprig that are not among [`functions`]: those that make keys and certificates. To be given to
/// [`Functions::without`](crate::Functions::without) with [`LEFT_OUT_REASON`].
pub const LEFT_OUT: &[&str] = system::LEFT_OUT;

/// Why they are left out.
pub const LEFT_OUT_REASON: &str = system::LEFT_OUT_REASON;

#[cfg(test)]
mod tests;
