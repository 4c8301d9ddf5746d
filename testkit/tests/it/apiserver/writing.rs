//! Creating, changing and deleting through HTTP.

use herald_testkit::apiserver::ApiServer;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{from_value, json};

use super::{kube, pod};

fn reason(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.reason.clone(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_object_is_created_once_and_gets_what_it_lacks() {
    let server = ApiServer::start().await.unwrap();
    let pods: Api<Pod> = Api::namespaced(kube(&server), "shop");
    let object: Pod = from_value(pod("shop", "a")).unwrap();
    let created = pods.create(&PostParams::default(), &object).await.unwrap();
    assert!(created.metadata.uid.is_some() && created.metadata.creation_timestamp.is_some());
    assert_eq!(created.metadata.resource_version, Some(server.revision().to_string()));
    assert_eq!(reason(pods.create(&PostParams::default(), &object).await.unwrap_err()), "AlreadyExists");
    pods.delete("a", &DeleteParams::default()).await.unwrap();
    assert_eq!(reason(pods.delete("a", &DeleteParams::default()).await.unwrap_err()), "NotFound");
}

#[tokio::test]
async fn who_writes_from_an_old_version_is_told() {
    let server = ApiServer::start().await.unwrap();
    let leases: Api<Lease> = Api::namespaced(kube(&server), "herald");
    let lease =
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l", "namespace": "herald"}, "spec": {}});
    let applied = PatchParams::apply("first");
    let first = leases.patch("l", &applied, &Patch::Apply(&lease)).await.unwrap();

    let mut taken = first.clone();
    taken.spec.as_mut().unwrap().holder_identity = Some("a".into());
    let second = leases.replace("l", &PostParams::default(), &taken).await.unwrap();
    assert_ne!(second.metadata.resource_version, first.metadata.resource_version);
    assert_eq!(second.metadata.uid, first.metadata.uid);
    assert_eq!(reason(leases.replace("l", &PostParams::default(), &taken).await.unwrap_err()), "Conflict");
    let old = json!({"metadata": {"resourceVersion": first.metadata.resource_version}, "spec": {"holderIdentity": "b"}});
    for patch in [Patch::Merge(&old), Patch::Strategic(&old)] {
        assert_eq!(reason(leases.patch("l", &PatchParams::default(), &patch).await.unwrap_err()), "Conflict");
    }

    let same = leases.replace("l", &PostParams::default(), &second).await.unwrap();
    assert_eq!(same.metadata.resource_version, second.metadata.resource_version);
    let released = json!({"spec": {"holderIdentity": null, "leaseDurationSeconds": 5}});
    let third = leases.patch("l", &PatchParams::default(), &Patch::Merge(&released)).await.unwrap();
    let spec = third.spec.unwrap();
    assert_eq!((spec.holder_identity, spec.lease_duration_seconds), (None, Some(5)));
}

#[tokio::test]
async fn an_object_with_finalizers_goes_when_they_are_gone() {
    let server = ApiServer::start().await.unwrap();
    let pods: Api<Pod> = Api::namespaced(kube(&server), "shop");
    let mut object = pod("shop", "a");
    object["metadata"]["finalizers"] = json!(["example.com/wait"]);
    server.put(object).unwrap();
    pods.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(pods.get("a").await.unwrap().metadata.deletion_timestamp.is_some());
    let patch = json!({"metadata": {"finalizers": null}});
    pods.patch("a", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    assert!(pods.get_opt("a").await.unwrap().is_none());
}

#[tokio::test]
async fn of_two_that_apply_the_same_field_one_is_refused() {
    let server = ApiServer::start().await.unwrap();
    let leases: Api<Lease> = Api::namespaced(kube(&server), "herald");
    let take = |holder: &str| {
        let leases = leases.clone();
        let holder = holder.to_owned();
        async move {
            let spec = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"holderIdentity": holder}});
            leases.patch("l", &PatchParams::apply(&holder), &Patch::Apply(&spec)).await
        }
    };
    take("a").await.unwrap();
    assert_eq!(reason(take("b").await.unwrap_err()), "Conflict");
    take("a").await.unwrap();
    let release = json!({"spec": {"holderIdentity": null}});
    leases.patch("l", &PatchParams { field_manager: Some("a".into()), ..Default::default() }, &Patch::Strategic(&release)).await.unwrap();
    take("b").await.unwrap();
    let force = PatchParams::apply("c").force();
    let spec = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"holderIdentity": "c"}});
    let forced = leases.patch("l", &force, &Patch::Apply(&spec)).await.unwrap();
    assert_eq!(forced.spec.unwrap().holder_identity.as_deref(), Some("c"));
}
