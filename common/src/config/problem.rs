//! What is wrong with a file, and where.

use std::fmt;

/// One thing that is wrong, or odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1; 0 when it concerns no line.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Path of the key, for example `receivers[2].webhook.endpoint`; empty for the whole file.
    pub path: String,
    /// What was found and what to do.
    pub message: String,
}

impl Problem {
    /// A problem of the whole file.
    #[must_use]
    pub fn general(message: String) -> Self {
        Self { line: 0, column: 0, path: String::new(), message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}: ", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// What was found about a configuration or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What Herald does not start with.
    pub errors: Vec<Problem>,
    /// What is not as meant: unknown keys, patterns that never match. Herald runs with them as the exporter before it did; `herald check` takes them for errors.
    pub mistakes: Vec<Problem>,
    /// What works, but may surprise.
    pub warnings: Vec<Problem>,
    /// What is worth knowing and nothing to complain of.
    pub notes: Vec<Problem>,
}

impl Findings {
    /// Adds what was found about another part.
    pub fn extend(&mut self, other: Self) {
        let Self { errors, mistakes, warnings, notes } = other;
        self.errors.extend(errors);
        self.mistakes.extend(mistakes);
        self.warnings.extend(warnings);
        self.notes.extend(notes);
    }
}

/// A file that cannot be used: every problem found, one a line, each as `file:line:column: path: what and what to do`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file's name.
    pub file: String,
    /// What is wrong with it; never empty.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(crate) fn new(file: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Self { file: file.to_owned(), problems }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            let space = if problem.line > 0 { "" } else { " " };
            write!(f, "{separator}{}:{space}{problem}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Returns the candidate closest to `word`, when one is close enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
