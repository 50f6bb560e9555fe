use super::*;

fn mistake(text: &str) -> String {
    Limits::parse(Path::new("limits.toml"), text, None).expect_err(text).to_string()
}

#[test]
fn a_key_that_is_left_out_has_the_built_in_value() {
    let limits = Limits::parse(Path::new("limits.toml"), "max_clients = 16", None).expect("sound");
    let built_in = Limits::built_in(None).expect("sound");
    assert_eq!(limits.max_clients.value, Amount::AtMost(16));
    let rest = Limits { origin: limits.origin.clone(), max_clients: limits.max_clients.clone(), ..built_in };
    assert_eq!(limits, rest);
}

#[test]
fn what_is_built_in_is_sound_and_sets_every_key() {
    let built_in = Limits::built_in(None).expect("sound");
    let nothing = Limits::nothing();
    for ((key, value), (_, unset)) in built_in.keys().into_iter().zip(nothing.keys()) {
        assert!(value != unset || key == "drive_at_others", "{key} = {value}");
    }
    assert_eq!(built_in.max_run.text, "\"12h\"");
    Limits::own_user().expect("sound");
}

#[test]
fn unlimited_is_a_word_and_not_a_number() {
    let text =
        "max_clients = \"unlimited\"\nmax_memory = \"unlimited\"\nmax_run = \"unlimited\"\nmax_rate = \"unlimited\"";
    let limits = Limits::parse(Path::new("limits.toml"), text, None).expect("sound");
    assert!(limits.max_clients.value.allows(u64::MAX) && limits.max_memory.value == Amount::Unlimited);
    assert_eq!(
        mistake("max_clients = 0"),
        "limits.toml:1:15: max_clients is 0: allowed is 1 or more, or \"unlimited\""
    );
}

#[test]
fn s7_a_mistake_is_one_line_with_its_place_what_was_found_and_what_is_allowed() {
    for (text, wanted) in [
        ("version = 2", "1:11: version is 2: this agent reads version 1"),
        ("\nmax_client = 3", "2:1: unknown field `max_client`, expected one of `version`, `servers`, `serve_on`"),
        ("max_clients = -1", "1:15: max_clients is -1: allowed is 1 or more"),
        ("max_clients = nan", "1:15: invalid type: floating point `NaN`, expected a whole number or a text"),
        ("max_clients = 9223372036854775808", "1:15: "),
        ("max_clients = \"16\"", "1:15: max_clients is \"16\": allowed is 1 or more"),
        ("max_clients = \"\u{ff11}\"", "1:15: max_clients is"),
        ("max_memory = 4", "1:14: max_memory is 4: allowed is a size such as \"2GiB\", or \"unlimited\""),
        ("# \u{e4}\nmax_run = \"soon\"", "2:11: max_run is \"soon\": allowed is a time such as \"30m\""),
        ("max_rate = \"0/s\"", "1:12: max_rate is \"0/s\": allowed is a rate such as \"500/s\""),
        (
            "servers = [\n  \"rpyc-threaded\",\n  \"../../bin/sh\"]",
            "3:3: servers has \"../../bin/sh\": allowed is \"rpyc-threaded\", ",
        ),
        (
            "serve_on = [\"eth0\"]",
            "1:13: serve_on has \"eth0\": allowed is \"listen\", a network (10.0.0.0/8) or an address",
        ),
        ("ports = [\"0\"]", "1:10: ports has \"0\": allowed is \"system\", a port or a range"),
        ("ports = [\"70000\"]", "1:10: ports has"),
        ("ports = [\"9-8\"]", "1:10: ports has"),
        ("drive_at_others = [\"example.org\"]", "1:20: drive_at_others has \"example.org\": allowed is a network"),
        ("drive_at_others = [\"listen\"]", "1:20: drive_at_others has \"listen\""),
        ("drive_at_others = \"10.0.0.0/8\"", "1:19: "),
        ("max_clients = 1\nmax_clients = 2", "2:1: duplicate key"),
        ("max_clients", "1:12: "),
        ("\u{0}", "1:2: "),
    ] {
        let said = mistake(text);
        assert!(said.starts_with(&format!("limits.toml:{wanted}")) && said.lines().count() == 1, "{text:?}: {said}");
    }
}

#[test]
fn what_the_agent_listens_on_is_that_address_or_each_of_all_of_them() {
    let text = "serve_on = [\"listen\"]";
    let serve_on = |listen: &str| {
        let listen = Some(listen.parse().expect("an address"));
        Limits::parse(Path::new("limits.toml"), text, listen).expect("sound").serve_on.value
    };
    let networks = |texts: &[&str]| texts.iter().map(|text| network(text).expect("a network")).collect::<Vec<_>>();
    assert_eq!(serve_on("192.0.2.1"), networks(&["192.0.2.1"]));
    assert_eq!(serve_on("0.0.0.0"), networks(&["0.0.0.0/0"]));
    assert_eq!(serve_on("::"), networks(&["::/0", "0.0.0.0/0"]));
}
