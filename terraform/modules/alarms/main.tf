locals {
  # DynamoDB's own faults are of a table rather than of one operation, and each operation is a metric that is paid for: the commonest
  # reads and writes stand for all.
  operations = ["GetItem", "Query", "PutItem"]

  target_groups = var.load_balancer == null ? {} : var.load_balancer.target_dimensions

  # Throttles are counted per table and again per index. With a function every alarm is a part of the bill that shows: its tables are
  # watched as a whole.
  throttled = merge(flatten([
    for table, name in var.table_names : [
      for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] : [
        { "${table}-${metric}" = { metric = metric, dimensions = { TableName = name } } },
        { for index in var.api == null ? var.table_indexes[table] : [] : "${table}-${index}-${metric}" => {
          metric = metric, dimensions = { TableName = name, GlobalSecondaryIndexName = index }
        } },
      ]
    ]
  ])...)

  throttle_alarms = {
    for key, throttle in local.throttled : key => {
      description = "Requests are throttled: capacity or a hot key"
      namespace   = "AWS/DynamoDB"
      metric      = throttle.metric
      dimensions  = throttle.dimensions
      statistic   = "Sum"
      period      = 60
      threshold   = 10
      datapoints  = 3
      of          = 10
    }
  }

  account_alarms = {
    UserErrors = {
      description = "DynamoDB refuses requests as malformed or denied; counts the whole account in this Region"
      namespace   = "AWS/DynamoDB"
      metric      = "UserErrors"
      dimensions  = {}
      statistic   = "Sum"
      period      = 600
      threshold   = 10
      datapoints  = 1
      of          = 1
    }
  }

  lag_alarms = {
    for table, name in var.peer_region == null ? {} : var.table_names : "${table}-ReplicationLatency" => {
      description = "Writes reach ${coalesce(var.peer_region, "-")} more than three minutes late"
      namespace   = "AWS/DynamoDB"
      metric      = "ReplicationLatency"
      dimensions  = { TableName = name, ReceivingRegion = var.peer_region }
      statistic   = "Maximum"
      period      = 60
      threshold   = 180000 # milliseconds
      datapoints  = 5
      of          = 10
    }
  }

  error_alarms = merge(
    {
      for service, dimension in local.target_groups : "${service}-HTTPCode_Target_5XX_Count" => {
        description = "${service} returns 5xx"
        namespace   = "AWS/ApplicationELB"
        metric      = "HTTPCode_Target_5XX_Count"
        dimensions  = { LoadBalancer = var.load_balancer.dimension, TargetGroup = dimension }
        statistic   = "Sum"
        period      = 60
        threshold   = 10
        datapoints  = 3
        of          = 5
      }
    },
    {
      for name in var.load_balancer[*].dimension : "HTTPCode_ELB_5XX_Count" => {
        description = "The load balancer itself returns 5xx: no task took the request, or none responded in time"
        namespace   = "AWS/ApplicationELB"
        metric      = "HTTPCode_ELB_5XX_Count"
        dimensions  = { LoadBalancer = name }
        statistic   = "Sum"
        period      = 60
        threshold   = 10
        datapoints  = 3
        of          = 5
      }
    },
  )

  # Of an API nothing runs that could be unhealthy.
  api_alarms = { for alarm in var.api == null ? [] : [
    { name = "Api5xx", namespace = "AWS/ApiGateway", metric = "5xx", dimensions = { ApiId = var.api.id }, description = "The API returns 5xx" },
    { name = "Throttles", namespace = "AWS/Lambda", metric = "Throttles", dimensions = { FunctionName = var.api.function }, description = "More requests at once than the function may have copies" },
    ] : alarm.name => merge(alarm, { statistic = "Sum", period = 60, threshold = 10, datapoints = 3, of = 5 })
  }

  backup_alarms = {
    for metric in var.backup_vault == null ? [] : ["NumberOfBackupJobsFailed", "NumberOfCopyJobsFailed"] : metric => {
      description = "A job of the daily backup failed"
      namespace   = "AWS/Backup"
      metric      = metric
      dimensions  = { BackupVaultName = var.backup_vault }
      statistic   = "Sum"
      period      = 86400
      threshold   = 0
      datapoints  = 1
      of          = 1
    }
  }
}

# Too much of something that should be rare. No data is no trouble.
resource "aws_cloudwatch_metric_alarm" "above" {
  for_each = merge(local.throttle_alarms, local.account_alarms, local.lag_alarms, local.error_alarms, local.api_alarms, local.backup_alarms)

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  datapoints_to_alarm = each.value.datapoints
  evaluation_periods  = each.value.of
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# DynamoDB counts its own faults per table and operation only.
resource "aws_cloudwatch_metric_alarm" "system_errors" {
  for_each = var.api == null ? var.table_names : {}

  alarm_name          = "${var.name}-${each.key}-SystemErrors"
  alarm_description   = "DynamoDB returns its own faults"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  datapoints_to_alarm = 3
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "total"
    label       = "SystemErrors"
    expression  = "SUM(METRICS())"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.operations

    content {
      id = lower(metric_query.value)

      metric {
        namespace   = "AWS/DynamoDB"
        metric_name = "SystemErrors"
        dimensions  = { TableName = each.value, Operation = metric_query.value }
        stat        = "Sum"
        period      = 60
      }
    }
  }
}

# Without data there is nothing to send requests to.
resource "aws_cloudwatch_metric_alarm" "no_healthy_task" {
  for_each = local.target_groups

  alarm_name          = "${var.name}-${each.key}-HealthyHostCount"
  alarm_description   = "${each.key} has no healthy task"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  dimensions          = { LoadBalancer = var.load_balancer.dimension, TargetGroup = each.value }
  statistic           = "Minimum"
  period              = 60
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  datapoints_to_alarm = 3
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "slow" {
  for_each = local.target_groups

  alarm_name          = "${var.name}-${each.key}-TargetResponseTime"
  alarm_description   = "One request of ${each.key} in a hundred takes longer than a second"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "TargetResponseTime"
  dimensions          = { LoadBalancer = var.load_balancer.dimension, TargetGroup = each.value }
  extended_statistic  = "p99"
  period              = 60
  comparison_operator = "GreaterThanThreshold"
  threshold           = 1 # second
  datapoints_to_alarm = 5
  evaluation_periods  = 10
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  # Of a few requests the slowest is the 99th percentile.
  evaluate_low_sample_count_percentiles = "ignore"
}

resource "aws_cloudwatch_metric_alarm" "slow_api" {
  count = var.api == null ? 0 : 1

  alarm_name          = "${var.name}-ApiLatency"
  alarm_description   = "One request in a hundred takes longer than two seconds"
  namespace           = "AWS/ApiGateway"
  metric_name         = "Latency"
  dimensions          = { ApiId = var.api.id }
  extended_statistic  = "p99"
  period              = 60
  comparison_operator = "GreaterThanThreshold"
  threshold           = 2000 # milliseconds; the first request of a copy takes longer than others
  datapoints_to_alarm = 5
  evaluation_periods  = 10
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  # Of a few requests the slowest is the 99th percentile.
  evaluate_low_sample_count_percentiles = "ignore"
}

# A backup that never ran fails nowhere. No data is the trouble here, so a wrong dimension would show, too. Two days, as a job may
# start hours late: AWS Backup's window for that is eight hours.
resource "aws_cloudwatch_metric_alarm" "no_backup" {
  for_each = var.backup_vault == null ? [] : toset(concat(["NumberOfBackupJobsCompleted"], var.peer_region == null ? [] : ["NumberOfCopyJobsCompleted"]))

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "The daily backup did not happen for two days, or not for every table"
  namespace           = "AWS/Backup"
  metric_name         = each.key
  dimensions          = { BackupVaultName = var.backup_vault }
  statistic           = "Sum"
  period              = 86400
  comparison_operator = "LessThanThreshold"
  threshold           = length(var.table_names)
  datapoints_to_alarm = 2
  evaluation_periods  = 2
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
