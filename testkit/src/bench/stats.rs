//! What many samples come to: a spread over runs, and percentiles of latencies. Pure.

use serde::Serialize;

/// The middle of several runs, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub(super) median: f64,
    /// The smallest.
    pub(super) min: f64,
    /// The largest.
    pub(super) max: f64,
}

impl Spread {
    /// The spread of some values; `None` when there are none.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        Some(Self { median, min, max })
    }
}

/// The smallest value that so many (from 0 to 1) of the sorted values do not exceed; `None` when there are none.
pub(super) fn percentile(sorted: &[u64], share: f64) -> Option<u64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// The means of the first and of the last `part` of a series; `None` when it is empty.
pub(super) fn ends(series: &[f64], part: usize) -> Option<(f64, f64)> {
    let part = part.clamp(1, series.len().max(1));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    Some((mean(series.get(..part)?), mean(series.get(series.len() - part..)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_middle_and_the_ends() {
        let spread = |values: &[f64]| Spread::of(values).map(|spread| (spread.median, spread.min, spread.max));
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((2.0, 1.0, 3.0)));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 10.0]), Some((3.0, 1.0, 10.0)));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let values: Vec<u64> = (1..=1_000).collect();
        let at = |share| percentile(&values, share);
        assert_eq!([at(0.0), at(0.5), at(0.99), at(0.999), at(1.0)], [Some(1), Some(500), Some(990), Some(999), Some(1_000)]);
        assert_eq!(percentile(&[7], 0.999), Some(7));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn the_ends_of_a_short_series_are_the_series() {
        assert_eq!(ends(&[1.0, 2.0, 3.0, 6.0], 2), Some((1.5, 4.5)));
        assert_eq!(ends(&[1.0, 3.0], 60), Some((2.0, 2.0)));
        assert_eq!(ends(&[], 60), None);
    }
}
