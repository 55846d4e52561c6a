//! The emulated AWS and the oracle, through the kit: they start, tell accounts apart, keep a log,
//! see a leak, and die with their owner.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use skep_kit::cloud::{Account, CallFilter, Cloud, CloudOptions, Fault, NewAccount, Speed};
use skep_kit::oracle::{Confusable, Oracle};
use skep_kit::progress::Progress;

const REGION: &str = "us-east-1";

fn cloud() -> Cloud {
    Cloud::start(&CloudOptions::default(), &Progress::silent()).unwrap()
}

/// A few calls by boto3, as somebody who is not the oracle: prints what the expression gives.
fn boto3(cloud: &Cloud, account: &Account, expression: &str) -> Result<Value, String> {
    let script = format!(
        "import boto3, json, os
def client(service):
    return boto3.client(service, endpoint_url=os.environ['ENDPOINT'], region_name='{REGION}')
print(json.dumps({expression}, default=str))"
    );
    let output = Command::new(cloud.python())
        .args(["-B", "-c", &script])
        .env("ENDPOINT", cloud.endpoint())
        .env("AWS_ACCESS_KEY_ID", &account.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &account.secret_key)
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn accounts_are_apart_and_strangers_are_refused() {
    let cloud = cloud();
    let one = cloud.account().unwrap();
    let other = cloud
        .create_account(&NewAccount {
            roles: vec!["ops".into()],
            ..Default::default()
        })
        .unwrap();
    let who = "client('sts').get_caller_identity()['Account']";
    assert_eq!(
        boto3(&cloud, &one, who).unwrap(),
        Value::from(one.id.clone())
    );
    assert_eq!(
        boto3(&cloud, &other, who).unwrap(),
        Value::from(other.id.clone())
    );
    let vpc = "client('ec2').create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']";
    boto3(&cloud, &one, vpc).unwrap();
    let count = "len(client('ec2').describe_vpcs()['Vpcs'])";
    assert_eq!(boto3(&cloud, &one, count).unwrap(), Value::from(2));
    assert_eq!(boto3(&cloud, &other, count).unwrap(), Value::from(1));
    let stranger = Account {
        secret_key: "wrong".into(),
        ..one.clone()
    };
    let refusal = boto3(&cloud, &stranger, count).unwrap_err();
    assert!(refusal.contains("AuthFailure"), "{refusal}");
    assert_eq!(other.roles, [format!("arn:aws:iam::{}:role/ops", other.id)]);
}

#[test]
fn calls_are_logged_and_faults_strike() {
    let cloud = cloud();
    let account = cloud.account().unwrap();
    let order = cloud
        .order_fault(
            &Fault::error("UnauthorizedOperation", 403)
                .of(&account)
                .on("ec2", "Create*")
                .times(1),
        )
        .unwrap();
    let create = "client('ec2').create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']";
    let refusal = boto3(&cloud, &account, create).unwrap_err();
    assert!(refusal.contains("UnauthorizedOperation"), "{refusal}");
    let vpc = boto3(&cloud, &account, create).unwrap();
    assert_eq!(
        cloud
            .faults()
            .unwrap()
            .iter()
            .find(|f| f.id == order.id)
            .unwrap()
            .hits,
        1
    );
    let calls = cloud.calls(&account, &CallFilter::changing()).unwrap();
    let told: Vec<_> = calls
        .calls
        .iter()
        .map(|call| (call.action.as_str(), call.error.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("CreateVpc", Some("UnauthorizedOperation")),
            ("CreateVpc", None)
        ]
    );
    assert!(calls.calls[1].resources.iter().any(|id| vpc == id.as_str()));
    let counts = cloud.counts(&account).unwrap();
    assert_eq!((counts.changing, counts.by_action["ec2:CreateVpc"]), (2, 2));
    assert!(
        cloud
            .calls(&account, &CallFilter::default().after(calls.cursor))
            .unwrap()
            .calls
            .is_empty()
    );
}

#[test]
fn states_take_the_time_that_was_set() {
    let cloud = cloud();
    let account = cloud.account().unwrap();
    let never = Speed::scale(0.0).with("instance.shutting-down", 1e9);
    cloud.set_speed(Some(&account), &never).unwrap();
    let since = cloud.now().unwrap();
    let terminate = "(lambda ec2: ec2.terminate_instances(InstanceIds=[ec2.run_instances(
        ImageId='ami-0a5e1d5c7e9b04190', MinCount=1, MaxCount=1)['Instances'][0]['InstanceId']])
        )(client('ec2'))['TerminatingInstances'][0]['CurrentState']['Name']";
    assert_eq!(boto3(&cloud, &account, terminate).unwrap(), "shutting-down");
    let state =
        "client('ec2').describe_instances()['Reservations'][0]['Instances'][0]['State']['Name']";
    assert_eq!(boto3(&cloud, &account, state).unwrap(), "shutting-down");
    assert_eq!(cloud.settle(Some(&account)).unwrap(), 1);
    assert_eq!(boto3(&cloud, &account, state).unwrap(), "terminated");
    let waits = cloud.waits(&account, since).unwrap();
    assert!((waits.floor - 1e9).abs() < 1.0, "{waits:?}");
}

#[test]
fn the_oracle_sees_a_leak_and_only_that() {
    let cloud = cloud();
    let account = cloud.account().unwrap();
    let oracle = Oracle::new(&cloud, &account, &[REGION]);
    let confusable = Confusable {
        cluster: "demo",
        base_domain: "example.com",
        infra_id: None,
    };
    let planted = oracle.seed(&confusable).unwrap();
    cloud.clear_calls(&account).unwrap();
    let before = oracle.snapshot().unwrap();
    let (same, text) = oracle.report(&before, &oracle.snapshot().unwrap()).unwrap();
    assert!(same, "{text}");
    // The witness leaves no trace in the log.
    assert_eq!(cloud.counts(&account).unwrap().reading, 0);

    let leak = "client('ec2').allocate_address(Domain='vpc')['AllocationId']";
    let leaked = boto3(&cloud, &account, leak).unwrap();
    let during = oracle.snapshot().unwrap();
    let verdict = oracle.compare(&before, &during).unwrap();
    assert!(!verdict.same);
    let id = format!("{REGION}/{}", leaked.as_str().unwrap());
    let found = verdict
        .differences
        .iter()
        .any(|d| d.what == "new" && d.kind == "ec2:elastic-ip" && d.id == id);
    assert!(found, "{:?}", verdict.differences);
    assert_eq!(
        oracle.count_new(&during, &before).unwrap()["ec2:elastic-ip"],
        1
    );

    let release = format!("client('ec2').release_address(AllocationId={leaked})");
    boto3(&cloud, &account, &release).unwrap();
    let after = oracle.snapshot().unwrap();
    let (same, text) = oracle.report(&before, &after).unwrap();
    assert!(same, "{text}");
    assert_eq!(oracle.deleted(&during, &after).unwrap().resources, 1);

    // What is planted late is expected to stay, and nothing else is.
    let late = oracle.seed_late(&confusable, &planted).unwrap();
    let expected = oracle
        .expect(&before, &oracle.snapshot().unwrap(), &late)
        .unwrap();
    assert!(
        oracle
            .compare(&expected, &oracle.snapshot().unwrap())
            .unwrap()
            .same
    );
    assert!(!oracle.compare(&expected, &after).unwrap().same);
    let before = expected;

    // Taking what is somebody else's is seen as well.
    let spare = &planted[REGION]["spare_address"];
    boto3(
        &cloud,
        &account,
        &format!("client('ec2').release_address(AllocationId={spare})"),
    )
    .unwrap();
    let (same, text) = oracle.report(&before, &oracle.snapshot().unwrap()).unwrap();
    assert!(!same && text.contains("missing  ec2:elastic-ip"), "{text}");
}

#[test]
fn several_clouds_run_and_end_with_their_owners() {
    let (one, other) = (cloud(), cloud());
    assert_ne!(one.port(), other.port());
    let address = format!("127.0.0.1:{}", one.port()).parse().unwrap();
    assert!(TcpStream::connect_timeout(&address, Duration::from_secs(5)).is_ok());
    drop(one);
    assert!(TcpStream::connect_timeout(&address, Duration::from_secs(5)).is_err());
    assert!(other.now().is_ok());
    let again = Cloud::connect(other.endpoint(), other.admin_token(), &Progress::silent()).unwrap();
    assert!(again.account().is_ok());
}
