# An alarm on a metric or dimension that does not exist stays silent for ever, so each is spelled out.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "forum-microservices-dev"
  region      = "us-east-1"
  peer_region = "us-west-2"
  table_names = {
    posts   = "forum-microservices-posts-dev"
    threads = "forum-microservices-threads-dev"
    users   = "forum-microservices-users-dev"
  }
  table_indexes       = { posts = ["ThreadIndex", "UserIndex"], threads = ["CreatedAtIndex", "UserIndex"], users = ["EmailIndex"] }
  load_balancer       = { dimension = "app/forum/1", target_dimensions = { posts = "targetgroup/posts/1", threads = "targetgroup/threads/1", users = "targetgroup/users/1" } }
  api                 = null
  log_groups          = ["/ecs/forum-microservices-dev/posts"]
  backup_vault        = "forum-microservices-dev"
  writes              = true
  availability_target = 99.9
  health_checks       = { primary = "check-1", secondary = "check-2" }
  email               = "ops@example.com"
}

run "every_metric_that_should_wake_someone" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  assert {
    condition = { for key, alarm in aws_cloudwatch_metric_alarm.above : key => alarm.dimensions if alarm.namespace == "AWS/DynamoDB" && strcontains(alarm.metric_name, "Throttle") } == merge([
      for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] : {
        "users-${metric}"                  = tomap({ TableName = "forum-microservices-users-dev" })
        "users-EmailIndex-${metric}"       = tomap({ TableName = "forum-microservices-users-dev", GlobalSecondaryIndexName = "EmailIndex" })
        "threads-${metric}"                = tomap({ TableName = "forum-microservices-threads-dev" })
        "threads-CreatedAtIndex-${metric}" = tomap({ TableName = "forum-microservices-threads-dev", GlobalSecondaryIndexName = "CreatedAtIndex" })
        "threads-UserIndex-${metric}"      = tomap({ TableName = "forum-microservices-threads-dev", GlobalSecondaryIndexName = "UserIndex" })
        "posts-${metric}"                  = tomap({ TableName = "forum-microservices-posts-dev" })
        "posts-ThreadIndex-${metric}"      = tomap({ TableName = "forum-microservices-posts-dev", GlobalSecondaryIndexName = "ThreadIndex" })
        "posts-UserIndex-${metric}"        = tomap({ TableName = "forum-microservices-posts-dev", GlobalSecondaryIndexName = "UserIndex" })
      }
    ]...)
    error_message = "Throttles are counted per table and per index, reads and writes apart."
  }

  assert {
    condition = { for key, alarm in aws_cloudwatch_metric_alarm.above : key => "${alarm.statistic} ${alarm.period}s > ${alarm.threshold}, ${alarm.datapoints_to_alarm} of ${alarm.evaluation_periods}" if !strcontains(key, "posts") && !strcontains(key, "threads") } == {
      "users-ReadThrottleEvents"             = "Sum 60s > 10, 3 of 10"
      "users-WriteThrottleEvents"            = "Sum 60s > 10, 3 of 10"
      "users-EmailIndex-ReadThrottleEvents"  = "Sum 60s > 10, 3 of 10"
      "users-EmailIndex-WriteThrottleEvents" = "Sum 60s > 10, 3 of 10"
      "users-ReplicationLatency"             = "Maximum 60s > 180000, 5 of 10"
      "users-HTTPCode_Target_5XX_Count"      = "Sum 60s > 10, 3 of 5"
      "HTTPCode_ELB_5XX_Count"               = "Sum 60s > 10, 3 of 5"
      "UserErrors"                           = "Sum 600s > 10, 1 of 1"
      "NumberOfBackupJobsFailed"             = "Sum 86400s > 0, 1 of 1"
      "NumberOfCopyJobsFailed"               = "Sum 86400s > 0, 1 of 1"
    }
    error_message = "Statistics and thresholds."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.above["posts-ReplicationLatency"].dimensions == tomap({ TableName = "forum-microservices-posts-dev", ReceivingRegion = "us-west-2" })
    error_message = "Lag is counted by the sender, per receiving Region."
  }

  assert {
    condition = (
      { for key, query in aws_cloudwatch_query_definition.log : query.name => query.log_group_names } ==
      { for key in ["failures", "slow-requests", "routes", "one-request"] : "forum-microservices-dev/${key}" => tolist(["/ecs/forum-microservices-dev/posts"]) }
    )
    error_message = "Queries are saved for the services' logs."
  }

  assert {
    condition     = length(coalesce(aws_cloudwatch_metric_alarm.above["UserErrors"].dimensions, {})) == 0
    error_message = "UserErrors has no dimensions: with a table's name it never has data."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.above["NumberOfCopyJobsFailed"].dimensions == tomap({ BackupVaultName = "forum-microservices-dev" })
    error_message = "Backup jobs are counted per vault."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.above["posts-HTTPCode_Target_5XX_Count"].dimensions == tomap({ LoadBalancer = "app/forum/1", TargetGroup = "targetgroup/posts/1" })
    error_message = "Errors are counted per service."
  }

  assert {
    condition = {
      for service, alarm in aws_cloudwatch_metric_alarm.no_healthy_task : service =>
      "${alarm.metric_name} ${alarm.dimensions.TargetGroup} ${alarm.statistic} ${alarm.period}s ${alarm.comparison_operator} ${alarm.threshold}, ${alarm.datapoints_to_alarm} of ${alarm.evaluation_periods}, ${alarm.treat_missing_data}"
      } == {
      for service in ["posts", "threads", "users"] : service => "HealthyHostCount targetgroup/${service}/1 Minimum 60s LessThanThreshold 1, 3 of 3, breaching"
    }
    error_message = "A service without a healthy task, or without data, must wake someone."
  }

  assert {
    condition = alltrue([
      for table, alarm in aws_cloudwatch_metric_alarm.system_errors : toset([
        for query in alarm.metric_query : one(query.metric).dimensions.Operation if length(query.metric) > 0
      ]) == toset(["GetItem", "Query", "PutItem"])
    ]) && length(aws_cloudwatch_metric_alarm.system_errors) == 3
    error_message = "SystemErrors exists per table and operation only, and each is paid for: three operations stand for all."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.above["HTTPCode_ELB_5XX_Count"].dimensions == tomap({ LoadBalancer = "app/forum/1" })
    error_message = "The load balancer's own errors have no target group."
  }

  assert {
    condition = {
      for service, alarm in aws_cloudwatch_metric_alarm.slow : service => join(" ", [
        alarm.metric_name, alarm.dimensions.LoadBalancer, alarm.dimensions.TargetGroup, alarm.extended_statistic, alarm.comparison_operator, alarm.threshold,
        "${alarm.datapoints_to_alarm} of ${alarm.evaluation_periods}", alarm.treat_missing_data, alarm.evaluate_low_sample_count_percentiles,
      ])
      } == {
      for service in ["posts", "threads", "users"] : service =>
      "TargetResponseTime app/forum/1 targetgroup/${service}/1 p99 GreaterThanThreshold 1 5 of 10 notBreaching ignore"
    }
    error_message = "A slow service must wake someone."
  }

  assert {
    condition = {
      for metric, alarm in aws_cloudwatch_metric_alarm.no_backup : metric => join(" ", [
        alarm.namespace, alarm.dimensions.BackupVaultName, alarm.statistic, "${alarm.period}s", alarm.comparison_operator, alarm.threshold,
        "${alarm.datapoints_to_alarm} of ${alarm.evaluation_periods}", alarm.treat_missing_data,
      ])
      } == {
      for metric in ["NumberOfBackupJobsCompleted", "NumberOfCopyJobsCompleted"] : metric =>
      "AWS/Backup forum-microservices-dev Sum 86400s LessThanThreshold 3 2 of 2 breaching"
    }
    error_message = "A backup that never ran must wake someone."
  }

  assert {
    condition     = output.error_alarms == { for service in ["posts", "threads", "users"] : service => "forum-microservices-dev-${service}-HTTPCode_Target_5XX_Count" }
    error_message = "Deployments watch the alarms of the services' errors."
  }

  assert {
    condition = {
      for alarm in concat(values(aws_cloudwatch_metric_alarm.heartbeat), values(aws_cloudwatch_metric_alarm.role), values(aws_cloudwatch_metric_alarm.dns)) :
      alarm.alarm_name => join(" ", [
        alarm.namespace, try(alarm.dimensions.HealthCheckId, "-"), alarm.statistic, "${alarm.period}s", alarm.comparison_operator, alarm.threshold,
        "${alarm.datapoints_to_alarm} of ${alarm.evaluation_periods}", alarm.treat_missing_data,
      ])
      } == {
      "forum-microservices-dev-HeartbeatAge"                = "forum-microservices-dev - Maximum 60s GreaterThanThreshold 30 3 of 3 breaching"
      "forum-microservices-dev-ReplicationAge"              = "forum-microservices-dev - Maximum 60s GreaterThanThreshold 60 3 of 3 breaching"
      "forum-microservices-dev-WritesAllowed"               = "forum-microservices-dev - Maximum 60s LessThanThreshold 1 3 of 3 breaching"
      "forum-microservices-dev-primary-HealthCheckStatus"   = "AWS/Route53 check-1 Minimum 60s LessThanThreshold 1 1 of 1 breaching"
      "forum-microservices-dev-secondary-HealthCheckStatus" = "AWS/Route53 check-2 Minimum 60s LessThanThreshold 1 1 of 1 breaching"
    }
    error_message = "A Region that writes no longer, heartbeats that are not seen and DNS that moves must wake someone."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.above), values(aws_cloudwatch_metric_alarm.system_errors)) : alarm.treat_missing_data == "notBreaching"
    ])
    error_message = "No traffic is no alarm."
  }
}

run "alarms_reach_the_topic" {
  module {
    source = "./modules/alarms"
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.above), values(aws_cloudwatch_metric_alarm.system_errors), values(aws_cloudwatch_metric_alarm.no_healthy_task),
        values(aws_cloudwatch_metric_alarm.slow), values(aws_cloudwatch_metric_alarm.no_backup), values(aws_cloudwatch_metric_alarm.heartbeat),
      values(aws_cloudwatch_metric_alarm.role), values(aws_cloudwatch_metric_alarm.dns)) :
      alarm.alarm_actions == toset([aws_sns_topic.alarms.arn]) && alarm.ok_actions == toset([aws_sns_topic.alarms.arn])
    ])
    error_message = "Every alarm tells the topic when it starts and when it ends."
  }

  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == aws_kms_key.alarms.arn
    error_message = "The topic needs a key that CloudWatch may use."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_kms_key.alarms.policy).Statement :
      try(statement.Principal.Service, null) == "cloudwatch.amazonaws.com" && toset(flatten([statement.Action])) == toset(["kms:Decrypt", "kms:GenerateDataKey*"])
      && try(statement.Condition.StringEquals["aws:SourceAccount"], null) == "123456789012"
    ])
    error_message = "CloudWatch must be allowed to use the topic's key, for this account's alarms."
  }

  assert {
    condition     = one(aws_sns_topic_subscription.email[*].endpoint) == "ops@example.com"
    error_message = "alarm_email is subscribed."
  }

  assert {
    condition = alltrue([
      for metric in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "UserErrors", "SystemErrors", "SuccessfulRequestLatency"] :
      strcontains(aws_cloudwatch_dashboard.this.dashboard_body, metric)
    ])
    error_message = "The dashboard shows the guide's five metrics."
  }
}

run "errors_that_use_up_the_months_share" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  assert {
    condition = {
      for window, alarm in aws_cloudwatch_metric_alarm.burn : window => join(" ", concat(
        [format("> %.4f", alarm.threshold), length(coalesce(alarm.alarm_actions, [])) == 0 ? "silent" : "loud"],
        [for query in alarm.metric_query : "${query.id}=${query.expression != null ? query.expression : "${one(query.metric).metric_name}/${one(query.metric).period}"}"],
      ))
      } == {
      for window, rate in { fast-long = "> 0.0144", fast-short = "> 0.0144", slow-long = "> 0.0060", slow-short = "> 0.0060" } :
      window => join(" ", [
        rate, "silent", "share=(FILL(e0, 0) + FILL(e1, 0)) / requests",
        "e0=HTTPCode_Target_5XX_Count/${local.burn_windows[window].seconds}", "e1=HTTPCode_ELB_5XX_Count/${local.burn_windows[window].seconds}",
        "requests=RequestCount/${local.burn_windows[window].seconds}",
      ])
    }
    error_message = "Each window compares the errors with all requests in it, and wakes nobody alone."
  }

  assert {
    condition = { for speed, alarm in aws_cloudwatch_composite_alarm.burn : speed => alarm.alarm_rule } == {
      for speed in ["fast", "slow"] : speed =>
      "ALARM(\"forum-microservices-dev-burn-${speed}-long\") AND ALARM(\"forum-microservices-dev-burn-${speed}-short\")"
    }
    error_message = "Both windows together wake someone."
  }
}

run "a_function" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  variables {
    load_balancer = null
    api           = { id = "a1b2c3", function = "forum-microservices-dev" }
  }

  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.above : key => join(" ", [alarm.namespace, alarm.metric_name, values(alarm.dimensions)[0], alarm.threshold])
      if alarm.namespace == "AWS/ApiGateway" || alarm.namespace == "AWS/Lambda"
      } == {
      Api5xx    = "AWS/ApiGateway 5xx a1b2c3 10"
      Throttles = "AWS/Lambda Throttles forum-microservices-dev 10"
    }
    error_message = "Errors of the API, and calls that the function had no copy for, must wake someone."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.slow_api[0].metric_name == "Latency" && aws_cloudwatch_metric_alarm.slow_api[0].extended_statistic == "p99"
    error_message = "A slow function must wake someone."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.system_errors) == 0 && !anytrue([for key in keys(aws_cloudwatch_metric_alarm.above) : strcontains(key, "Index")])
    error_message = "Few alarms: each is a part of the bill that shows."
  }

  assert {
    condition     = alltrue([for alarm in values(aws_cloudwatch_metric_alarm.heartbeat) : alarm.threshold == 300]) && toset([for query in aws_cloudwatch_metric_alarm.burn["fast-long"].metric_query : one(query.metric).metric_name if length(query.metric) > 0]) == toset(["Count", "5xx"])
    error_message = "A function renews the heartbeat once in two minutes; the API counts its requests."
  }
}

run "the_region_that_stands_in" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  variables {
    writes        = false
    health_checks = {}
  }

  assert {
    condition = one([
      for alarm in values(aws_cloudwatch_metric_alarm.role) : "${alarm.comparison_operator} ${alarm.threshold}, ${alarm.datapoints_to_alarm} of ${alarm.evaluation_periods}, ${alarm.treat_missing_data}"
    ]) == "GreaterThanOrEqualToThreshold 1, 1 of 1, notBreaching"
    error_message = "A second Region that begins to write must wake someone."
  }

  assert {
    condition     = toset([for key, alarm in aws_cloudwatch_metric_alarm.heartbeat : "${key} ${alarm.treat_missing_data}"]) == toset(["HeartbeatAge breaching", "ReplicationAge breaching"]) && length(aws_cloudwatch_metric_alarm.dns) == 0
    error_message = "The heartbeats are watched in both Regions; metrics of health checks are in us-east-1 only."
  }
}

run "alone_and_idle" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  variables {
    peer_region         = null
    load_balancer       = null
    backup_vault        = null
    email               = null
    writes              = null
    health_checks       = {}
    availability_target = null
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.above) == 17 && length(aws_cloudwatch_metric_alarm.no_healthy_task) == 0 && length(aws_cloudwatch_metric_alarm.slow) == 0 && length(aws_cloudwatch_metric_alarm.no_backup) == 0 && length(output.error_alarms) == 0 && length(aws_cloudwatch_metric_alarm.heartbeat) == 0 && length(aws_cloudwatch_metric_alarm.role) == 0
    error_message = "Without replicas, services and backups their alarms would never have data, or always fire."
  }
}
