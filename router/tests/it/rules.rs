//! What rules can do beyond those of kubernetes-event-exporter, and how a decision is explained.

use herald_common::config::{Config, Loaded};
use herald_router::{
    explain::Explainer,
    route::Tree,
    rule::{Event, Rule},
};

fn config(text: &str) -> Loaded {
    Config::parse("config.yaml", text, &|_| None).expect("loads")
}

fn event() -> Event<'static> {
    Event {
        uid: "u",
        resource_version: "1",
        namespace: "shop",
        reason: "BackOff",
        message: "Back-off restarting",
        type_: "Warning",
        count: 3,
        component: "kubelet",
        host: "n1",
        api_version: "v1",
        kind: "Pod",
        labels: &[],
        annotations: &[],
    }
}

/// Compiles one rule and says why it does not match; empty when it does.
fn why_not(rule: &str) -> String {
    let config = config(&format!("route: {{match: [{rule}]}}")).config;
    let rule = Rule::compile(&config.route.r#match[0], "route.match[0]");
    rule.mismatch(&event()).map(|mismatch| mismatch.to_string()).unwrap_or_default()
}

#[test]
fn a_list_matches_when_one_of_it_does() {
    assert_eq!(why_not("{kind: [Node, Pod]}"), "");
    assert_eq!(why_not("{kind: [Node, ^Po$]}"), r#"kind "Pod" does not match "Node" or "^Po$""#);
    assert_eq!(why_not("{kind: []}"), "", "an empty list says nothing");
    assert_eq!(why_not("{kind: ['']}"), "");
}

#[test]
fn not_matches_when_none_of_it_does() {
    assert_eq!(why_not("{not: {reason: Pulled}}"), "");
    assert_eq!(why_not("{not: {reason: Back, kind: Pod}}"), "route.match[0].not[0] matches");
    assert_eq!(why_not("{not: {reason: Back, kind: Node}}"), "", "all fields of it");
    assert_eq!(why_not("{not: [{reason: Pulled}, {name: noise, reason: Back}]}"), "noise matches");
    assert_eq!(why_not("{not: {not: {reason: Back}}}"), "");
}

#[test]
fn namespaces_are_names_and_no_patterns() {
    assert_eq!(why_not("{namespaces: [shop, bank]}"), "");
    assert_eq!(why_not("{namespaces: [sho]}"), r#"namespace "shop" is not one of namespaces"#);
    assert_eq!(why_not("{excludeNamespaces: [shop]}"), r#"namespace "shop" is one of excludeNamespaces"#);
    assert_eq!(why_not("{excludeNamespaces: [sho]}"), "");
}

#[test]
fn what_does_not_match_is_said() {
    assert_eq!(why_not("{minCount: 5}"), "count 3 is below minCount 5");
    assert_eq!(why_not("{labels: {app: web}}"), r#"the object has no labels "app""#);
    assert_eq!(why_not("{message: '*off*'}"), r#"message "Back-off restarting" does not match "*off*", which is not a regular expression"#);
}

#[test]
fn a_decision_names_its_rules_and_its_steps() {
    let text = "
receivers: [{name: a, stdout: {}}, {name: b, stdout: {}}]
route:
  drop: [{name: quiet, type: Normal}]
  match: [{name: everything, receiver: a}, {kind: Node, receiver: b}]
  routes: [{match: [{receiver: b}]}]
";
    let config = config(text).config;
    let (tree, event) = (Tree::compile(&config.route), event());
    let decision = tree.route(&event);
    assert_eq!((decision.receivers, decision.matched_by, decision.dropped_by), (vec!["a"], vec!["everything"], vec![]));
    let steps: Vec<String> = tree
        .explain(&event)
        .iter()
        .map(|step| format!("{} {}", step.path, step.mismatch.map_or_else(|| "matches".to_owned(), |mismatch| mismatch.to_string())))
        .collect();
    let wanted = [
        r#"route.drop[0] type "Warning" does not match "Normal""#,
        "route.match[0] matches",
        r#"route.match[1] kind "Pod" does not match "Node""#,
    ];
    assert_eq!(steps, wanted, "the sub-route is not looked at");
    let normal = Event { type_: "Normal", ..event };
    assert_eq!(tree.route(&normal).dropped_by, ["quiet"]);
}

#[test]
fn receivers_under_not_are_ignored_and_bad_patterns_there_are_found() {
    let loaded = config("receivers: [{name: a, stdout: {}}]\nroute: {match: [{not: {receiver: a, reason: '*x'}}]}");
    let said: Vec<String> = loaded.mistakes.iter().chain(&loaded.warnings).map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().any(|text| text.contains("a receiver under not is ignored")));
    assert!(said.iter().any(|text| text.contains(r#"".*x" is probably meant"#)));
}

#[test]
fn of_labels_with_one_key_the_last_counts_as_it_does_for_receivers() {
    let config = config("receivers: [{name: a, stdout: {}}]\nroute: {match: [{labels: {app: '^2$'}, receiver: a}]}").config;
    let json = br#"{"involvedObject":{"labels":{"app":"1","app":"2"}}}"#;
    assert_eq!(Explainer::new(&config).explain(json, None).expect("an event").routed, ["a"]);
}
