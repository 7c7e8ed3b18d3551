# What the services tell of the Region that writes, by METRICS=emf.

locals {
  # In seconds. A function is asked once a minute, and renews the lease's heartbeat every other time.
  age_alarms = {
    HeartbeatAge = {
      description = "A process of this Region has not seen the heartbeat of the Region that writes for too long, or none tells"
      threshold   = var.api == null ? 30 : 300
    }
    ReplicationAge = {
      description = "What has arrived here of the Region that writes is too old, in at least one table, or no process tells"
      threshold   = var.api == null ? 60 : 300
    }
  }

  role_alarms = {
    for writes in var.writes[*] : "WritesAllowed" => {
      description = writes ? "No process of this Region, which usually writes, may write" : "This Region accepts writes, which the other one usually does"
      comparison  = writes ? "LessThanThreshold" : "GreaterThanOrEqualToThreshold"
      datapoints  = writes ? 3 : 1
      missing     = writes ? "breaching" : "notBreaching"
    }
  }
}

# The heartbeats that one Region makes, in the lease and in each table, are watched in both. Replication that stands still, a lease that
# nobody reads and services that say nothing are the same here: no news.
resource "aws_cloudwatch_metric_alarm" "heartbeat" {
  for_each = var.writes == null ? {} : local.age_alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = var.name
  metric_name         = each.key
  statistic           = "Maximum"
  period              = 60
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  datapoints_to_alarm = 3
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "role" {
  for_each = local.role_alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = var.name
  metric_name         = each.key
  statistic           = "Maximum"
  period              = 60
  comparison_operator = each.value.comparison
  threshold           = 1
  datapoints_to_alarm = each.value.datapoints
  evaluation_periods  = each.value.datapoints
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# DNS moves the readers without telling anybody.
resource "aws_cloudwatch_metric_alarm" "dns" {
  for_each = var.health_checks

  alarm_name          = "${var.name}-${each.key}-HealthCheckStatus"
  alarm_description   = each.key == "primary" ? "DNS sends clients to the second Region" : "DNS takes the second Region for unhealthy: it could not stand in"
  namespace           = "AWS/Route53"
  metric_name         = "HealthCheckStatus"
  dimensions          = { HealthCheckId = each.value }
  statistic           = "Minimum"
  period              = 60
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  datapoints_to_alarm = 1
  evaluation_periods  = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
