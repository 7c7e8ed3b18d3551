locals {
  # What the services log as JSON, one object a line: docs/operations.md.
  queries = {
    failures      = <<-QUERY
      fields @timestamp, @log, message, method, path, status, cause, span.request_id
      | filter level in ["WARN", "ERROR"]
      | sort @timestamp desc
      | limit 200
    QUERY
    slow-requests = <<-QUERY
      fields @timestamp, method, path, status, latency_ms, span.request_id, span.trace_id
      | filter latency_ms > 1000
      | sort latency_ms desc
      | limit 200
    QUERY
    routes        = <<-QUERY
      filter ispresent(route)
      | stats count(*) as requests, pct(latency_ms, 50) as median_ms, pct(latency_ms, 99) as p99_ms by method, route, status
      | sort requests desc
    QUERY
    one-request   = <<-QUERY
      fields @timestamp, @log, @message
      | filter span.request_id = "PUT THE REQUEST'S ID HERE"
      | sort @timestamp asc
    QUERY
  }
}

resource "aws_cloudwatch_query_definition" "log" {
  for_each = local.serving ? local.queries : {}

  name            = "${var.name}/${each.key}"
  log_group_names = var.log_groups
  query_string    = each.value
}
