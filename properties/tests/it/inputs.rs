//! Inputs made of a property's seeds and words.

use herald_properties::corpus::Target;
use proptest::{
    prelude::*,
    sample::{Index, select},
};

/// A change of an input.
#[derive(Clone, Debug)]
enum Edit {
    /// Puts bytes in.
    Insert(Index, Vec<u8>),
    /// Takes bytes out.
    Remove(Index, usize),
    /// Writes a part several times.
    Repeat(Index, usize, usize),
    /// Replaces a byte.
    Replace(Index, u8),
    /// Goes on with the end of another seed.
    Splice(Index, Index, Vec<u8>),
}

impl Edit {
    fn apply(self, input: &mut Vec<u8>) {
        let place = |index: Index| index.index(input.len() + 1);
        match self {
            Self::Insert(at, bytes) => drop(input.splice(place(at)..place(at), bytes)),
            Self::Remove(at, length) => {
                let start = place(at);
                input.drain(start..(start + length).min(input.len()));
            }
            Self::Repeat(at, length, times) => {
                let start = place(at);
                let end = (start + length).min(input.len());
                let part = input[start..end].repeat(times);
                input.splice(end..end, part);
            }
            Self::Replace(at, byte) => {
                let length = input.len();
                if length > 0 {
                    input[at.index(length)] = byte;
                }
            }
            Self::Splice(at, other_at, other) => {
                input.truncate(place(at));
                input.extend_from_slice(&other[other_at.index(other.len() + 1)..]);
            }
        }
    }
}

/// A third each: seeds changed a little, seeds changed much, and words in a row.
pub(crate) fn of(target: &Target) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds = (target.seeds)();
    let words: Vec<Vec<u8>> = (target.words)().into_iter().map(String::into_bytes).collect();
    let edit = prop_oneof![
        4 => (any::<Index>(), select(words.clone())).prop_map(|(at, word)| Edit::Insert(at, word)),
        2 => (any::<Index>(), 1..20_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        1 => (any::<Index>(), 1..40_usize, 1..200_usize).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        2 => (any::<Index>(), any::<Index>(), select(seeds.clone())).prop_map(|(at, other_at, other)| Edit::Splice(at, other_at, other)),
    ];
    let edited = move |edits: std::ops::Range<usize>| {
        (select(seeds.clone()), prop::collection::vec(edit.clone(), edits)).prop_map(|(mut input, edits)| {
            edits.into_iter().for_each(|edit| edit.apply(&mut input));
            input
        })
    };
    let joined = prop::collection::vec(select(words), 0..40).prop_map(|words| words.concat());
    prop_oneof![edited(1..3), edited(3..10), joined]
}
