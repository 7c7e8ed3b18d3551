locals {
  tables = values(var.table_names)

  # Metrics that DynamoDB gives per operation, added up per table by a search.
  by_operation = {
    SystemErrors             = { title = "SystemErrors: DynamoDB's own faults", stat = "Sum" }
    SuccessfulRequestLatency = { title = "SuccessfulRequestLatency, 99th percentile, milliseconds", stat = "p99" }
  }

  # What the services tell, by METRICS=emf.
  serving = var.load_balancer != null || var.api != null
  own_charts = [
    { title = "Requests and 5xx a minute", stat = "Sum", metrics = ["Requests", "ServerErrors"] },
    { title = "Latency, 99th percentile of the slowest process, milliseconds", stat = "Maximum", metrics = ["LatencyP99"] },
    { title = "DynamoDB: retries, throttles, no response, transactions repeated", stat = "Sum", metrics = ["StoreRetries", "StoreThrottles", "StoreNoAnswer", "TransactionsRepeated"] },
    { title = "In flight, and reads from memory", stat = "Sum", metrics = ["InFlight", "CacheHits"] },
    { title = "Writing: allowed, and age of the heartbeats in seconds", stat = "Maximum", metrics = ["WritesAllowed", "HeartbeatAge", "ReplicationAge"] },
  ]

  charts = concat(
    [for metric in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"] : {
      title   = "${metric} a minute"
      stat    = "Sum"
      metrics = [for name in local.tables : ["AWS/DynamoDB", metric, "TableName", name]]
    }],
    [{
      title   = "UserErrors: refused requests of the whole account"
      stat    = "Sum"
      metrics = [["AWS/DynamoDB", "UserErrors"]]
    }],
    [for metric, chart in local.by_operation : {
      title = chart.title
      stat  = chart.stat
      metrics = [for name in local.tables : [{
        expression = "SEARCH('{AWS/DynamoDB,Operation,TableName} MetricName=\"${metric}\" TableName=\"${name}\"', '${chart.stat}', 60)"
      }]]
    }],
    [for chart in local.serving ? local.own_charts : [] : {
      title   = chart.title
      stat    = chart.stat
      metrics = [for metric in chart.metrics : [var.name, metric]]
    }],
    [for peer in var.peer_region[*] : {
      title   = "ReplicationLatency to ${peer}, milliseconds"
      stat    = "Maximum"
      metrics = [for name in local.tables : ["AWS/DynamoDB", "ReplicationLatency", "TableName", name, "ReceivingRegion", peer]]
    }],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [for position, chart in local.charts : {
      type   = "metric"
      x      = position % 2 * 12
      y      = floor(position / 2) * 6
      width  = 12
      height = 6
      properties = {
        title   = chart.title
        region  = var.region
        view    = "timeSeries"
        period  = 60
        stat    = chart.stat
        metrics = chart.metrics
      }
    }]
  })
}
