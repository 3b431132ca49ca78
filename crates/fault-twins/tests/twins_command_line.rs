//! The twins' command line: what a fault test believes to have broken or set has to be so.

use std::process::Command;

fn refusal(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fault-twins"))
        .args(arguments)
        .output();
    let output = output.expect("the twin was built");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_unknown_defect_is_refused_and_the_known_ones_are_named() {
    let said = refusal(&["--defect=everything"]);
    assert!(
        said.contains("everything") && said.contains("fencing-removed"),
        "{said}"
    );
}

#[test]
fn a_twin_without_a_named_defect_is_refused() {
    let said = refusal(&["--set", "store.queue=1"]);
    assert!(said.contains("--defect"), "{said}");
}

#[test]
fn what_serve_refuses_is_refused_by_a_twin() {
    for (arguments, part) in [
        (["--set", "store.colour=red"], "store.colour is no setting"),
        (["--set", "store.queue=many"], "store.queue must be"),
        (["--handler", "http"], "--handler"),
    ] {
        let said = refusal(&[&["--defect=nothing"][..], &arguments].concat());
        assert!(said.contains(part), "{part} is not in {said}");
    }
}
