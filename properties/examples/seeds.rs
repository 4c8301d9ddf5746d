//! Writes what the fuzz targets begin with into a folder: a corpus for each, and a dictionary beside it.

#![allow(clippy::print_stdout, reason = "it tells what it wrote to who started it")]

use std::{env, fs, path::Path};

use herald_properties::corpus::TARGETS;

fn main() -> std::io::Result<()> {
    let folder = env::args_os().nth(1).unwrap_or_else(|| "fuzz/corpus".into());
    for target in TARGETS {
        let corpus = Path::new(&folder).join(target.name);
        fs::create_dir_all(&corpus)?;
        let (seeds, words) = ((target.seeds)(), (target.words)());
        for (at, seed) in seeds.iter().enumerate() {
            fs::write(corpus.join(format!("seed-{at:04}")), seed)?;
        }
        let dictionary: String = words.iter().map(|word| format!("\"{}\"\n", escaped(word))).collect();
        fs::write(corpus.with_extension("dict"), dictionary)?;
        println!("{}: {} seeds, {} words", target.name, seeds.len(), words.len());
    }
    Ok(())
}

/// A word as libFuzzer's dictionaries hold it.
fn escaped(word: &str) -> String {
    let one = |byte: u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        other => format!("\\x{other:02X}"),
    };
    word.bytes().map(one).collect()
}
