//! The agent's side of enrolment, without a network.

use super::*;
use crate::Authority;

fn state() -> (tempfile::TempDir, AgentState, Code) {
    let folder = tempfile::tempdir().expect("a folder");
    let state = AgentState::open(folder.path()).expect("a state");
    let code = state.put_code_out("hurin").expect("a code");
    (folder, state, code)
}

fn authority() -> Authority {
    Authority::ephemeral("test", Duration::from_secs(600)).expect("an authority")
}

#[test]
fn a_code_lets_in_once() {
    let (_folder, state, code) = state();
    let authority = authority();
    let (agent, request) =
        state.begin(&code.secret, authority.controllers_certificate(), authority.agents_certificate()).expect("let in");
    assert_eq!(agent, "hurin");
    let certificate = authority.sign_agent(&agent, &request).expect("signed");
    state.complete(&code.secret, &certificate).expect("enrolled");
    assert!(state.identity().expect("readable").is_some());
    let again = state.begin(&code.secret, authority.controllers_certificate(), authority.agents_certificate());
    assert!(matches!(again, Err(EnrolRefusal::NoCode)), "{again:?}");
}

#[test]
fn the_fifth_wrong_secret_voids_the_code() {
    let (_folder, state, code) = state();
    for left in (0..5).rev() {
        let refusal = state.begin(&[0; 16], authority().controllers_certificate(), authority().agents_certificate());
        assert!(matches!(refusal, Err(EnrolRefusal::Wrong { tries_left }) if tries_left == left), "{refusal:?}");
    }
    let right = state.begin(&code.secret, authority().controllers_certificate(), authority().agents_certificate());
    assert!(matches!(right, Err(EnrolRefusal::NoCode)), "{right:?}");
}

#[test]
fn a_code_that_has_expired_lets_nobody_in() {
    let (_folder, state, code) = state();
    let path = state.path("enrol-code");
    let mut out: CodeOut = files::load(&path).expect("readable").expect("out");
    out.expires_unix_s = now_unix_s();
    files::save(&path, &out).expect("writable");
    let late = state.begin(&code.secret, authority().controllers_certificate(), authority().agents_certificate());
    assert!(matches!(late, Err(EnrolRefusal::Expired)), "{late:?}");
}

#[test]
fn a_newer_code_voids_the_one_before() {
    let (_folder, state, first) = state();
    state.put_code_out("hurin").expect("a code");
    let refusal = state.begin(&first.secret, authority().controllers_certificate(), authority().agents_certificate());
    assert!(matches!(refusal, Err(EnrolRefusal::Wrong { .. })), "{refusal:?}");
}

#[test]
fn a_certificate_for_another_key_is_refused_and_changes_nothing() {
    let (_folder, state, code) = state();
    let authority = authority();
    state.begin(&code.secret, authority.controllers_certificate(), authority.agents_certificate()).expect("let in");
    let other = authority.agent("hurin", Duration::from_secs(60)).expect("an identity");
    let refusal = state.complete(&code.secret, other.certificate());
    assert!(matches!(refusal, Err(EnrolRefusal::Overtaken)), "{refusal:?}");
    assert!(state.identity().expect("readable").is_none());
}

#[test]
fn two_programs_that_find_no_key_agree_on_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let pins: Vec<[u8; 32]> = std::thread::scope(|scope| {
        let programs: Vec<_> = (0..8)
            .map(|_| {
                let state = AgentState::open(folder.path()).expect("a state");
                scope.spawn(move || state.put_code_out("hurin").expect("a code").pin)
            })
            .collect();
        programs.into_iter().map(|program| program.join().expect("it ends")).collect()
    });
    assert!(pins.iter().all(|pin| *pin == pins[0]), "{pins:?}");
}

#[test]
fn keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, ..) = state();
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let mode = entry.expect("a file").metadata().expect("data").permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

/// Whoever hands over first or last, in whatever order the two have begun.
#[test]
fn of_two_with_the_same_code_one_enrols() {
    for late_completes_first in [true, false] {
        let (_folder, state, code) = state();
        let (one, other) = (authority(), authority());
        let request = |who: &Authority| {
            state.begin(&code.secret, who.controllers_certificate(), who.agents_certificate()).expect("let in").1
        };
        let (early, late) = (request(&one), request(&other));
        let complete = |who: &Authority, request: &str| {
            let certificate = who.sign_agent("hurin", request).expect("signed");
            state.complete(&code.secret, &certificate).is_ok()
        };
        let won = if late_completes_first {
            [complete(&other, &late), complete(&one, &early)]
        } else {
            let early = complete(&one, &early);
            [complete(&other, &late), early]
        };
        assert_eq!(won, [true, false], "the later one, and nobody else");
    }
}

#[test]
fn a_certificate_for_another_agent_is_refused_and_changes_nothing() {
    let (_folder, state, code) = state();
    let authority = authority();
    let (_, request) =
        state.begin(&code.secret, authority.controllers_certificate(), authority.agents_certificate()).expect("let in");
    let certificate = authority.sign_agent("morwen", &request).expect("signed");
    let refusal = state.complete(&code.secret, &certificate);
    assert!(matches!(refusal, Err(EnrolRefusal::NotMine { .. })), "{refusal:?}");
    assert!(state.identity().expect("readable").is_none());
}
