# How fast the errors that are allowed in a month are used up, by what stands in front of the services. A rate that would use them up in
# two days wakes somebody within minutes, one that would in five days within the hour; the short window ends the alarm when it is over:
# https://sre.google/workbook/alerting-on-slos/.

locals {
  traffic = (
    var.load_balancer != null ? {
      namespace  = "AWS/ApplicationELB"
      dimensions = { LoadBalancer = var.load_balancer.dimension }
      requests   = "RequestCount"
      errors     = ["HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"]
    } :
    var.api != null ? {
      namespace  = "AWS/ApiGateway"
      dimensions = { ApiId = var.api.id }
      requests   = "Count"
      errors     = ["5xx"]
    } : null
  )

  burn_windows = {
    fast-long  = { factor = 14.4, seconds = 3600 }
    fast-short = { factor = 14.4, seconds = 300 }
    slow-long  = { factor = 6, seconds = 21600 }
    slow-short = { factor = 6, seconds = 1800 }
  }

  burning = local.traffic != null && var.availability_target != null
}

# Without an action: of two windows each is too nervous or too late.
resource "aws_cloudwatch_metric_alarm" "burn" {
  for_each = local.burning ? local.burn_windows : {}

  alarm_name          = "${var.name}-burn-${each.key}"
  alarm_description   = "Errors in ${each.value.seconds / 60} minutes, as a share of the requests"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.factor * (100 - var.availability_target) / 100
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "share"
    label       = "5xx of all requests"
    expression  = "(${join(" + ", [for number, metric in local.traffic.errors : "FILL(e${number}, 0)"])}) / requests"
    return_data = true
  }

  metric_query {
    id = "requests"

    metric {
      namespace   = local.traffic.namespace
      metric_name = local.traffic.requests
      dimensions  = local.traffic.dimensions
      stat        = "Sum"
      period      = each.value.seconds
    }
  }

  dynamic "metric_query" {
    for_each = local.traffic.errors

    content {
      id = "e${metric_query.key}"

      metric {
        namespace   = local.traffic.namespace
        metric_name = metric_query.value
        dimensions  = local.traffic.dimensions
        stat        = "Sum"
        period      = each.value.seconds
      }
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "burn" {
  for_each = local.burning ? toset(["fast", "slow"]) : []

  alarm_name        = "${var.name}-burn-${each.key}"
  alarm_description = each.key == "fast" ? "Errors use up a month's share in two days" : "Errors use up a month's share in five days"
  alarm_rule        = join(" AND ", [for window in ["long", "short"] : "ALARM(\"${aws_cloudwatch_metric_alarm.burn["${each.key}-${window}"].alarm_name}\")"])
  alarm_actions     = [aws_sns_topic.alarms.arn]
  ok_actions        = [aws_sns_topic.alarms.arn]
}
