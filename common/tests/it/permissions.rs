//! The authorisation file that ships with Herald, on a real server: what each user may do, and that everything else is refused.
//!
//! That the rights suffice is tested with the whole pipeline, beside the command `herald`.

use std::{collections::BTreeSet, path::Path, time::Duration};

use async_nats::{Client, ConnectOptions};
use herald_testkit::{
    nats::{NatsOptions, NatsServer},
    scratch::Scratch,
    skip_unless,
    tools::Tool,
    wait,
};

const AUTHORIZATION: &str = include_str!("../../../k8s/components/nats-authorization/authorization.conf");
const BOUND: Duration = Duration::from_secs(30);
const USERS: [&str; 7] = ["watcher", "enricher", "router", "sinks", "operator", "reader", "observer"];
/// Streams with the consumers that matter on them.
const STREAMS: [(&str, &[&str]); 8] = [
    ("HERALD_RAW", &["enricher_c", "mine"]),
    ("HERALD_ENRICHED", &["router", "mine"]),
    ("HERALD_OUT_x", &["sinks", "mine"]),
    ("HERALD_DEAD", &["sinks", "mine"]),
    ("HERALD_GAP", &["sinks", "mine"]),
    ("KV_HERALD_CHECKPOINT", &["sinks"]),
    ("KV_HERALD_OBJECTS", &["sinks"]),
    ("KV_HERALD_FIRST", &["sinks"]),
];

/// Everything that could be tried.
fn subjects() -> BTreeSet<String> {
    let mut all: BTreeSet<String> = [
        "herald.raw.c.n.k.r",
        "herald.enriched.c.t.n.k.r",
        "herald.out.x",
        "herald.dead.enricher",
        "herald.dead.router",
        "herald.dead.x",
        "herald.gap.c",
        "herald.other",
        "other",
        "$KV.HERALD_CHECKPOINT.k",
        "$KV.HERALD_OBJECTS.k",
        "$KV.HERALD_FIRST.k",
        "$JS.API.INFO",
        "$JS.API.STREAM.LIST",
        "$JS.API.STREAM.NAMES",
        "$JS.API.ACCOUNT.PURGE.x",
        "$SYS.REQ.SERVER.PING",
    ]
    .map(str::to_owned)
    .into();
    for (stream, consumers) in STREAMS {
        for verb in ["INFO", "CREATE", "UPDATE", "DELETE", "PURGE", "MSG.GET", "MSG.DELETE", "SNAPSHOT", "RESTORE", "LEADER.STEPDOWN"] {
            all.insert(format!("$JS.API.STREAM.{verb}.{stream}"));
        }
        all.insert(format!("$JS.API.DIRECT.GET.{stream}.any"));
        for verb in ["CREATE", "LIST", "NAMES"] {
            all.insert(format!("$JS.API.CONSUMER.{verb}.{stream}"));
        }
        for consumer in consumers {
            for verb in ["CREATE", "DURABLE.CREATE", "INFO", "DELETE", "MSG.NEXT", "PAUSE"] {
                all.insert(format!("$JS.API.CONSUMER.{verb}.{stream}.{consumer}"));
            }
            all.insert(format!("$JS.API.CONSUMER.CREATE.{stream}.{consumer}.herald.any"));
            all.insert(format!("$JS.ACK.{stream}.{consumer}.1.1.1.1.1"));
        }
    }
    all
}

/// Everything that could be listened to.
fn listened() -> BTreeSet<String> {
    let some =
        [">", "_INBOX.>", "herald.raw.>", "herald.enriched.>", "herald.out.>", "herald.dead.>", "herald.gap.>", "$KV.>", "$JS.>", "$SYS.>"];
    some.map(str::to_owned).into_iter().chain(USERS.map(|user| format!("_INBOX.herald.{user}.>"))).collect()
}

/// What each user may publish, as `VERB.STREAM` with `{…}` for alternatives; everything else must be refused.
fn may_publish(user: &str) -> BTreeSet<String> {
    let lists: &[&str] = match user {
        "watcher" => &[
            "herald.raw.c.n.k.r",
            "herald.gap.c",
            "$KV.HERALD_CHECKPOINT.k",
            "$JS.API.INFO",
            "$JS.API.STREAM.{INFO,CREATE,UPDATE}.{HERALD_RAW,HERALD_GAP}",
            "$JS.API.STREAM.{INFO,CREATE,MSG.GET}.KV_HERALD_CHECKPOINT",
            "$JS.API.DIRECT.GET.KV_HERALD_CHECKPOINT.any",
            "$JS.API.CONSUMER.{CREATE,INFO,MSG.NEXT,DELETE}.HERALD_RAW.{enricher_c,mine}",
            "$JS.API.CONSUMER.CREATE.HERALD_RAW.{enricher_c,mine}.herald.any",
        ],
        "enricher" => &[
            "herald.enriched.c.t.n.k.r",
            "herald.dead.enricher",
            "herald.gap.c",
            "$KV.HERALD_OBJECTS.k",
            "$JS.API.INFO",
            "$JS.API.STREAM.{INFO,CREATE,UPDATE}.{HERALD_RAW,HERALD_ENRICHED,HERALD_DEAD,HERALD_GAP}",
            "$JS.API.STREAM.{INFO,CREATE,MSG.GET}.KV_HERALD_OBJECTS",
            "$JS.API.DIRECT.GET.KV_HERALD_OBJECTS.any",
            "$JS.API.CONSUMER.{CREATE,INFO,MSG.NEXT}.HERALD_RAW.{enricher_c,mine}",
            "$JS.API.CONSUMER.CREATE.HERALD_RAW.{enricher_c,mine}.herald.any",
            "$JS.ACK.HERALD_RAW.{enricher_c,mine}.1.1.1.1.1",
        ],
        "router" => &[
            "herald.out.x",
            "herald.dead.router",
            "herald.gap.c",
            "$KV.HERALD_FIRST.k",
            "$JS.API.INFO",
            "$JS.API.STREAM.{INFO,CREATE,UPDATE}.{HERALD_ENRICHED,HERALD_OUT_x,HERALD_DEAD,HERALD_GAP}",
            "$JS.API.STREAM.PURGE.HERALD_OUT_x",
            "$JS.API.STREAM.{INFO,CREATE,MSG.GET}.KV_HERALD_FIRST",
            "$JS.API.DIRECT.GET.KV_HERALD_FIRST.any",
            "$JS.API.CONSUMER.{CREATE,INFO,MSG.NEXT}.HERALD_ENRICHED.router",
            "$JS.API.CONSUMER.CREATE.HERALD_ENRICHED.router.herald.any",
            "$JS.ACK.HERALD_ENRICHED.router.1.1.1.1.1",
        ],
        "sinks" => &[
            "herald.dead.{enricher,router,x}",
            "herald.gap.c",
            "$JS.API.STREAM.{INFO,CREATE,UPDATE}.{HERALD_OUT_x,HERALD_DEAD,HERALD_GAP}",
            "$JS.API.CONSUMER.{CREATE,INFO,MSG.NEXT}.HERALD_OUT_x.sinks",
            "$JS.API.CONSUMER.CREATE.HERALD_OUT_x.sinks.herald.any",
            "$JS.ACK.HERALD_OUT_x.sinks.1.1.1.1.1",
        ],
        "operator" => &[
            "herald.out.x",
            "herald.gap.c",
            "$JS.API.STREAM.PURGE.HERALD_OUT_x",
            "$JS.API.INFO",
            "$JS.API.STREAM.{LIST,NAMES}",
            "$JS.API.STREAM.{INFO,MSG.GET}.{ANY}",
            "$JS.API.STREAM.{CREATE,UPDATE}.{HERALD_ENRICHED,HERALD_OUT_x,HERALD_DEAD,HERALD_GAP}",
            "$JS.API.STREAM.MSG.DELETE.HERALD_DEAD",
            "$JS.API.DIRECT.GET.{ANY}.any",
            "$JS.API.CONSUMER.{LIST,NAMES}.{ANY}",
            "$JS.API.CONSUMER.INFO.{HERALD_RAW,HERALD_ENRICHED,HERALD_OUT_x,HERALD_DEAD,HERALD_GAP}.mine",
            "$JS.API.CONSUMER.INFO.{HERALD_OUT_x,HERALD_DEAD,HERALD_GAP,KV_HERALD_CHECKPOINT,KV_HERALD_OBJECTS,KV_HERALD_FIRST}.sinks",
            "$JS.API.CONSUMER.INFO.HERALD_ENRICHED.router",
            "$JS.API.CONSUMER.INFO.HERALD_RAW.enricher_c",
            "$JS.API.CONSUMER.{CREATE,MSG.NEXT,DELETE}.HERALD_ENRICHED.mine",
            "$JS.API.CONSUMER.{CREATE,MSG.NEXT,DELETE}.{HERALD_DEAD,HERALD_GAP}.{mine,sinks}",
            "$JS.API.CONSUMER.CREATE.HERALD_ENRICHED.mine.herald.any",
            "$JS.API.CONSUMER.CREATE.{HERALD_DEAD,HERALD_GAP}.{mine,sinks}.herald.any",
        ],
        "reader" => &[
            "$JS.API.INFO",
            "$JS.API.STREAM.NAMES",
            "$JS.API.STREAM.{INFO,MSG.GET}.HERALD_ENRICHED",
            "$JS.API.DIRECT.GET.HERALD_ENRICHED.any",
            "$JS.API.CONSUMER.{CREATE,DURABLE.CREATE,INFO,DELETE,MSG.NEXT}.HERALD_ENRICHED.mine",
            "$JS.API.CONSUMER.CREATE.HERALD_ENRICHED.mine.herald.any",
            "$JS.ACK.HERALD_ENRICHED.mine.1.1.1.1.1",
        ],
        _ => &[],
    };
    let any: Vec<&str> = STREAMS.iter().map(|(stream, _)| *stream).collect();
    lists.iter().flat_map(|list| expand(&list.replace("{ANY}", &format!("{{{}}}", any.join(","))))).collect()
}

/// `a{b,c}d` is `abd` and `acd`.
fn expand(list: &str) -> Vec<String> {
    let Some((before, rest)) = list.split_once('{') else { return vec![list.to_owned()] };
    let (alternatives, after) = rest.split_once('}').expect("closed");
    alternatives.split(',').flat_map(|one| expand(&format!("{before}{one}{after}"))).collect()
}

fn may_listen(user: &str) -> BTreeSet<String> {
    let more: &[&str] = match user {
        "operator" => &["herald.raw.>", "herald.enriched.>", "herald.out.>", "herald.dead.>", "herald.gap.>"],
        "reader" | "observer" => &["herald.enriched.>"],
        _ => &[],
    };
    more.iter().map(ToString::to_string).chain([format!("_INBOX.herald.{user}.>")]).collect()
}

async fn server(folder: &Path) -> NatsServer {
    let variables = USERS.map(|user| (format!("HERALD_{}_PASSWORD", user.to_uppercase()), format!("secret-of-{user}")));
    let options = NatsOptions {
        config: AUTHORIZATION.to_owned(),
        variables: variables.into(),
        log: Some(folder.join("log")),
        ..NatsOptions::default()
    };
    NatsServer::start_with(options).await.expect("starts")
}

async fn connect(nats: &NatsServer, user: &str) -> Client {
    let options = ConnectOptions::with_user_and_password(user.to_owned(), format!("secret-of-{user}"));
    options.custom_inbox_prefix(format!("_INBOX.herald.{user}")).connect(nats.url()).await.expect("connects")
}

/// The subjects a user was refused so far, published to or listened to, from the server's log; the last refusal must be of `end`.
async fn refused(folder: &Path, user: &str, kind: &str, end: &str) -> BTreeSet<String> {
    let all = || {
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        let (who, what) = (format!("user:{user}\""), format!("{kind} Violation - Subject \""));
        let lines = log.lines().filter(|line| line.contains(&who)).filter_map(|line| line.split_once(&what));
        lines.filter_map(|(_, rest)| rest.split('"').next().map(str::to_owned)).collect::<BTreeSet<_>>()
    };
    wait::until(&format!("the refusal of {end} to {user}"), BOUND, || async { all().contains(end) }).await.expect("logged");
    all()
}

#[tokio::test]
async fn each_user_may_do_its_work_and_nothing_else() {
    skip_unless!(Tool::NatsServer);
    let scratch = Scratch::new("permissions").expect("a folder");
    let nats = server(scratch.path()).await;
    for user in USERS {
        let client = connect(&nats, user).await;
        for subject in subjects().into_iter().chain(["the.end".to_owned()]) {
            client.publish(subject, "".into()).await.expect("sent");
        }
        let refused_to_publish = refused(scratch.path(), user, "Publish", "the.end").await;
        let allowed: BTreeSet<String> = subjects().difference(&refused_to_publish).cloned().collect();
        let (expected, none) = (may_publish(user), BTreeSet::new());
        let more: BTreeSet<&String> = allowed.difference(&expected).collect();
        let less: BTreeSet<&String> = expected.difference(&allowed).collect();
        assert!(more.is_empty() && less.is_empty(), "{user} may also publish {more:#?} and may not {less:#?}");
        assert!(expected.is_subset(&subjects()), "all of it was tried: {:?}", expected.difference(&subjects()).collect::<Vec<_>>());

        let mut listening = Vec::new();
        for subject in listened().into_iter().chain(["the.end".to_owned()]) {
            listening.push(client.subscribe(subject).await.expect("sent"));
        }
        let refused_to_listen = refused(scratch.path(), user, "Subscription", "the.end").await;
        let allowed: BTreeSet<String> = listened().difference(&refused_to_listen).cloned().collect();
        assert_eq!(allowed, may_listen(user), "{user} may listen");
        assert_ne!(refused_to_listen, none);
    }
}

#[tokio::test]
async fn without_a_login_nothing_is_allowed() {
    skip_unless!(Tool::NatsServer);
    let scratch = Scratch::new("permissions").expect("a folder");
    let nats = server(scratch.path()).await;
    for options in [ConnectOptions::new(), ConnectOptions::with_user_and_password("router".to_owned(), "secret-of-sinks".to_owned())] {
        let error = options.connect(nats.url()).await.expect_err("refused");
        assert_eq!(error.kind(), async_nats::ConnectErrorKind::AuthorizationViolation);
    }
}
