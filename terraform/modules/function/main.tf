resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = 30
}

resource "aws_lambda_function" "forum" {
  function_name = var.name
  role          = var.role_arn

  filename         = var.zip
  source_code_hash = filebase64sha256(var.zip)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.cpu_architecture == "ARM64" ? "arm64" : "x86_64"]

  memory_size                    = var.limits.memory
  timeout                        = 29 # the API waits no longer than 30
  reserved_concurrent_executions = coalesce(var.limits.concurrency, -1)

  environment {
    variables = merge(
      var.environment,
      # The API is the one proxy in front. It limits all clients together: what a copy of the function counts is no limit.
      { USE_DYNAMODB = "true", LOG_FORMAT = "json", TRUSTED_PROXY_HOPS = "1", RATE_LIMITS = "off", REQUEST_TIMEOUT_SECONDS = "25" },
      var.awake ? { METRICS = "emf", METRICS_NAMESPACE = var.name } : {},
      length(var.cors_origins) == 0 ? {} : { CORS_ALLOWED_ORIGINS = join(",", var.cors_origins) },
      var.cache_ttl_seconds == 0 ? {} : { CACHE_TTL_SECONDS = tostring(var.cache_ttl_seconds) },
    )
  }

  depends_on = [aws_cloudwatch_log_group.function]
}

resource "aws_apigatewayv2_api" "forum" {
  name          = var.name
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "function" {
  api_id                 = aws_apigatewayv2_api.forum.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.forum.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 30000
}

resource "aws_apigatewayv2_route" "all" {
  api_id    = aws_apigatewayv2_api.forum.id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.function.id}"
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.forum.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.limits.rate
    throttling_burst_limit = var.limits.burst
  }
}

resource "aws_lambda_permission" "api" {
  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.forum.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.forum.execution_arn}/*"
}

resource "aws_apigatewayv2_domain_name" "forum" {
  count = var.domain_name == null ? 0 : 1

  domain_name = var.domain_name

  domain_name_configuration {
    certificate_arn = var.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "forum" {
  count = var.domain_name == null ? 0 : 1

  api_id      = aws_apigatewayv2_api.forum.id
  domain_name = aws_apigatewayv2_domain_name.forum[0].id
  stage       = aws_apigatewayv2_stage.default.id
}

# A function that nobody calls does nothing, not even renew the heartbeat. What it gets is what the API would send it.
resource "aws_cloudwatch_event_rule" "minute" {
  count = var.awake ? 1 : 0

  name                = "${var.name}-minute"
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_event_target" "minute" {
  count = var.awake ? 1 : 0

  rule = aws_cloudwatch_event_rule.minute[0].name
  arn  = aws_lambda_function.forum.arn

  input = jsonencode({
    version         = "2.0"
    routeKey        = "$default"
    rawPath         = "/api/posts/health"
    rawQueryString  = ""
    headers         = { host = "localhost" }
    isBase64Encoded = false
    requestContext = {
      accountId    = "0"
      apiId        = "schedule"
      domainName   = "localhost"
      domainPrefix = "localhost"
      http         = { method = "GET", path = "/api/posts/health", protocol = "HTTP/1.1", sourceIp = "127.0.0.1", userAgent = "schedule" }
      requestId    = "schedule"
      routeKey     = "$default"
      stage        = "$default"
      time         = "01/Jan/2026:00:00:00 +0000"
      timeEpoch    = 1767225600000
    }
  })
}

resource "aws_lambda_permission" "minute" {
  count = var.awake ? 1 : 0

  statement_id  = "minute"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.forum.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.minute[0].arn
}
