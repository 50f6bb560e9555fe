//! Words of `run.json` that reports and terminals show as they are, and file names made of them. Whoever edits the file by hand
//! can put nothing else there.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::plan::MAX_BLOCKS;

/// Longer than any name, id or time.
const LONGEST: usize = 64;

/// A name, an id, a kind or a time.
pub(super) fn word<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    sound(String::deserialize(from)?)
}

/// One, or none.
pub(super) fn perhaps_word<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(from)?.map(sound).transpose()
}

/// Anything, by such words.
pub(super) fn by_words<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    let map = BTreeMap::<String, T>::deserialize(from)?;
    map.into_iter().map(|(name, value)| Ok((sound(name)?, value))).collect()
}

/// A file below the run folder.
pub(super) fn below<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let path = String::deserialize(from)?;
    let stays = Path::new(&path).components().all(|part| matches!(part, Component::Normal(_)));
    if stays { Ok(path) } else { Err(Error::custom(format!("{path:?} is no file below the run folder"))) }
}

/// The number of a block, as plans have them: statistics go through all up to the last.
pub(super) fn block<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let block = u32::deserialize(from)?;
    if (1..=MAX_BLOCKS).contains(&block.into()) {
        return Ok(block);
    }
    Err(Error::custom(format!("block {block} is in no plan, which has 1 to {MAX_BLOCKS}")))
}

fn sound<E: Error>(text: String) -> Result<String, E> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-:.".contains(&byte);
    // A spreadsheet would take what begins with a dash for a formula.
    if text.len() <= LONGEST && text.bytes().all(allowed) && !text.starts_with('-') {
        return Ok(text);
    }
    let start: String = text.chars().take(LONGEST).collect();
    Err(E::custom(format!(
        "{start:?} cannot be a name: allowed are up to {LONGEST} letters, digits, \"-\", \":\" and \".\""
    )))
}
