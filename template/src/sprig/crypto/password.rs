//! `bcrypt`, and passwords derived from a master password (the algorithm of the Master Password program).

use ::bcrypt::{DEFAULT_COST, Version, hash_with_salt};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::func::{Context, FuncError};
use crate::sprig::args::{Done, any, text};
use crate::value::Value;

/// The steps that `bcrypt` counts for, which is slow on purpose.
const BCRYPT: u64 = 300_000;
/// The steps that deriving a password counts for, which also takes 32 MiB for the time.
const DERIVE: u64 = 500_000;

/// The cost that Go's library uses by default.
const COST: u32 = if DEFAULT_COST < 10 { DEFAULT_COST } else { 10 };

/// The longest password that `bcrypt` looks at.
const LONGEST: usize = 72;

pub(super) fn bcrypt(context: &mut Context<'_>, password: &[u8]) -> Result<String, FuncError> {
    context.spend(BCRYPT)?;
    let failed = |why: &str| format!("failed to encrypt string with bcrypt: {why}");
    if password.len() > LONGEST {
        return Ok(failed("bcrypt: password length exceeds 72 bytes"));
    }
    let mut salt = [0; 16];
    context.host().random(&mut salt);
    Ok(match hash_with_salt(password, COST, salt) {
        Ok(hash) => hash.format_for_version(Version::TwoA),
        Err(error) => failed(&error.to_string()),
    })
}

/// The forms of a kind of password; every letter stands for a class of characters.
fn forms(kind: &[u8]) -> Option<&'static [&'static str]> {
    Some(match kind {
        b"maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        b"long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        b"medium" => &["CvcnoCvc", "CvcCvcno"],
        b"short" => &["Cvcn"],
        b"basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        b"pin" => &["nnnn"],
        _ => return None,
    })
}

fn class(letter: char) -> &'static str {
    match letter {
        'V' => "AEIOU",
        'C' => "BCDFGHJKLMNPQRSTVWXYZ",
        'v' => "aeiou",
        'c' => "bcdfghjklmnpqrstvwxyz",
        'A' => "AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        'a' => "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        'n' => "0123456789",
        'o' => "@&%?,=[]_:-+*$#!'^~;()/.",
        _ => "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The algorithm's name, mixed into every password.
const SCOPE: &[u8] = b"com.lyndir.masterpassword";

/// A text with its length in front.
fn measured(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), text].concat()
}

pub(super) fn derive<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    context.spend(DERIVE)?;
    let counter = match any(args, 0) {
        Value::Uint(counter, _) => u32::try_from(counter).unwrap_or(0),
        _ => 0,
    };
    let (kind, password, user, site) = (text(args, 1), text(args, 2), text(args, 3), text(args, 4));
    let Some(forms) = forms(&kind) else { return Ok(Value::string([b"cannot find password template ", &*kind].concat())) };
    let failed = |why: String| FuncError::new(format!("failed to derive password: {why}"));
    let parameters = scrypt::Params::new(15, 8, 2).map_err(|error| failed(error.to_string()))?;
    let mut key = [0; 64];
    let salt = [SCOPE, &measured(&user)].concat();
    scrypt::scrypt(&password, &salt, &parameters, &mut key).map_err(|error| failed(error.to_string()))?;

    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| failed(error.to_string()))?;
    mac.update(SCOPE);
    mac.update(&measured(&site));
    mac.update(&counter.to_be_bytes());
    let seed = mac.finalize().into_bytes();
    let (first, rest) = (seed.first().copied().map_or(0, usize::from), seed.get(1..).unwrap_or_default());
    let form = forms.get(first % forms.len()).copied().unwrap_or_default();
    let characters = form.chars().zip(rest).filter_map(|(letter, byte)| {
        let class = class(letter).as_bytes();
        class.get(usize::from(*byte) % class.len()).copied()
    });
    Ok(Value::string(characters.collect::<Vec<u8>>()))
}
