//! What the templates of both reports speak of: figures in the units of a reader.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};

use super::number::{signed, significant};
use super::view;
use crate::store::manifest::WorkloadRecord;

const NOTHING: &str = "–";
const NOT_KNOWN: &str = "not known";

/// No templates yet; the filters that every report has.
pub(crate) fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
        .set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?);
    environment.add_filter("ms", |ns: Option<f64>| shown(ns, |ns| significant(ns / 1e6)));
    environment.add_filter("us", |ns: Option<f64>| shown(ns, |ns| significant(ns / 1e3)));
    environment.add_filter("signed_s", |ns: Option<f64>| shown(ns, |ns| format!("{:+.6}", ns / 1e9)));
    environment.add_filter("signed_ppm", |ppb: Option<f64>| shown(ppb, |ppb| signed(ppb / 1e3)));
    environment.add_filter("signed_ms", |ns: Option<f64>| shown(ns, |ns| signed(ns / 1e6)));
    environment.add_filter("signed", |value: Option<f64>| shown(value, signed));
    environment.add_filter("thousands", thousands);
    environment.add_filter("number", |value: Option<f64>| shown(value, significant));
    environment.add_filter("percent", |share: Option<f64>| shown(share, percent));
    environment.add_filter("share", |share: Option<f64>| share.map_or_else(|| NOT_KNOWN.to_owned(), of_time));
    environment.add_filter("ghz", ghz);
    environment
        .add_filter("increase", |ratio: Option<f64>| shown(ratio, |it| format!("{} %", signed((it - 1.0) * 100.0))));
    environment.add_filter("mib", |bytes: Option<f64>| shown(bytes, |bytes| significant(bytes / 1_048_576.0)));
    environment.add_filter("interval", |ends: Option<Vec<f64>>| interval(ends, 1.0));
    environment.add_filter("interval_ms", |ends: Option<Vec<f64>>| interval(ends, 1e6));
    environment.add_filter("with_interval", with_interval);
    environment.add_filter("with_range", with_range);
    environment.add_filter("kind", link_kind);
    environment.add_filter("clients", |workload: Serde<WorkloadRecord>| view::clients(&workload.0));
    Ok(environment)
}

fn shown(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| NOTHING.to_owned(), show)
}

/// A count as it is, its digits in threes.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// All of them, or not: 99.99 % must not look like 100 %.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 100.0 { "100 %".to_owned() } else { format!("{:.2} %", (percent * 100.0).floor() / 100.0) }
}

/// A share of time, counted in ticks: more digits than these are not known.
fn of_time(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// One frequency, or the slowest and the fastest, of some in kHz.
fn ghz(khz: Option<Vec<f64>>) -> String {
    let [slowest, fastest] = match khz.as_deref() {
        Some(&[slowest, fastest]) => [slowest, fastest].map(|khz| format!("{:.2}", khz / 1e6)),
        _ => return NOT_KNOWN.to_owned(),
    };
    if slowest == fastest { slowest } else { format!("{slowest} to {fastest}") }
}

fn interval(ends: Option<Vec<f64>>, unit: f64) -> String {
    match ends.as_deref() {
        Some(&[low, high]) => format!("{} to {}", significant(low / unit), significant(high / unit)),
        _ => NOTHING.to_owned(),
    }
}

/// A link's kind as readers know it, with the kernel's word where that is another.
fn link_kind(kind: String) -> String {
    let known = match kind.as_str() {
        "" => return "not known".to_owned(),
        "veth" => "virtual ethernet",
        "tun" => "tun/tap",
        "bond" => "bonded",
        "vlan" => "VLAN",
        _ => return kind,
    };
    format!("{known} ({kind})")
}

/// A figure in nanoseconds and half the width of its interval, which lies evenly around it, in milliseconds with as many decimals.
fn with_interval(ns: Option<f64>, ends: Option<Vec<f64>>) -> String {
    beside(ns, ends, |low, high, decimals| format!("± {:.decimals$}", (high - low) / 2e6))
}

/// A figure in nanoseconds and the ends of its interval, which may lie unevenly around it, in milliseconds with as many decimals.
fn with_range(ns: Option<f64>, ends: Option<Vec<f64>>) -> String {
    beside(ns, ends, |low, high, decimals| format!("({:.decimals$} to {:.decimals$})", low / 1e6, high / 1e6))
}

fn beside(ns: Option<f64>, ends: Option<Vec<f64>>, interval: impl Fn(f64, f64, usize) -> String) -> String {
    let Some(ns) = ns else { return NOTHING.to_owned() };
    let value = significant(ns / 1e6);
    let decimals = value.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    match ends.as_deref() {
        Some(&[low, high]) => format!("{value} {}", interval(low, high, decimals)),
        _ => format!("{value} (no interval)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_lies_unevenly_is_shown_by_its_ends() {
        let (value, ends) = (Some(262_000.0), vec![251_000.0, 290_000.0]);
        assert_eq!(with_range(value, Some(ends.clone())), "0.262 (0.251 to 0.290)");
        assert_eq!(with_interval(value, Some(ends)), "0.262 ± 0.019");
        assert_eq!([with_range(value, None), with_range(None, None)], ["0.262 (no interval)", "–"]);
    }

    #[test]
    fn every_digit_of_a_count_is_shown() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(thousands), ["0", "999", "1,000", "12,345,678"]);
    }
}
