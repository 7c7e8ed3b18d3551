"""Lists what is left of the forum in both Regions, one line each; prints nothing and exits 0 when nothing is.

Asks AWS (AWS_ENDPOINT_URL for the emulator), not Terraform's state: what Terraform forgot is what matters.
Usage: leftovers.py NAME REGION...
"""

import sys

import boto3


def left(name, region):
    """Yields (kind, identifier) of every resource in the Region that bears the name; accounts and keys' grace period aside."""
    client = lambda service: boto3.client(service, region_name=region)
    yield from (("table", table) for table in client("dynamodb").list_tables()["TableNames"] if table.startswith(name))
    for vpc in client("ec2").describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]:
        yield "VPC", vpc["VpcId"]
    balancers = client("elbv2")
    yield from (("load balancer", each["LoadBalancerArn"]) for each in balancers.describe_load_balancers()["LoadBalancers"])
    yield from (("target group", each["TargetGroupArn"]) for each in balancers.describe_target_groups()["TargetGroups"])
    yield from (("repository", each["repositoryName"]) for each in client("ecr").describe_repositories()["repositories"])
    yield from (("vault", each["BackupVaultName"]) for each in client("backup").list_backup_vaults()["BackupVaultList"])
    alarms = client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    yield from (("alarm", each["AlarmName"]) for kind in ("MetricAlarms", "CompositeAlarms") for each in alarms.get(kind, []))
    yield from (("topic", each["TopicArn"]) for each in client("sns").list_topics()["Topics"])
    yield from (("log group", each["logGroupName"]) for each in client("logs").describe_log_groups()["logGroups"])
    yield from (("query", each["name"]) for each in client("logs").describe_query_definitions()["queryDefinitions"])
    yield from (("firewall", each["Name"]) for each in client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"])
    yield from (("certificate", each["CertificateArn"]) for each in client("acm").list_certificates()["CertificateSummaryList"])
    for namespace in ("dynamodb", "ecs"):
        targets = client("application-autoscaling").describe_scalable_targets(ServiceNamespace=namespace)["ScalableTargets"]
        yield from (("scalable target", each["ResourceId"]) for each in targets)
    yield from (("role", each["RoleName"]) for each in client("iam").list_roles()["Roles"] if each["RoleName"].startswith(name))
    yield from (("user pool", each["Id"]) for each in client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"])
    yield from (("identity provider", each["Arn"]) for each in client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"])
    yield from (("hosted zone", each["Name"]) for each in client("route53").list_hosted_zones()["HostedZones"])
    yield from (("secret", each["Name"]) for each in client("secretsmanager").list_secrets()["SecretList"])
    yield from (("trail", each["Name"]) for each in client("cloudtrail").list_trails()["Trails"])
    yield from (("function", each["FunctionName"]) for each in client("lambda").list_functions()["Functions"])
    yield from (("API", each["Name"]) for each in client("apigatewayv2").get_apis()["Items"])
    yield from (("API's name", each["DomainName"]) for each in client("apigatewayv2").get_domain_names()["Items"])
    yield from (("schedule", each["Name"]) for each in client("events").list_rules()["Rules"])
    account = client("sts").get_caller_identity()["Account"]
    yield from (("budget", each["BudgetName"]) for each in client("budgets").describe_budgets(AccountId=account).get("Budgets", []))
    yield from (("bucket", each["Name"]) for each in client("s3").list_buckets()["Buckets"])


def main(name, *regions):
    found = sorted({(region, *each) for region in regions for each in left(name, region)})
    for line in found:
        print(*line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
