# The small shapes of the stack: one service with all routes, and one function.

mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "dr"
  source = "./tests/mocks"
}

variables {
  auth = { issuer = "https://issuer.example.com", audience = "forum" }
}

run "one_service" {
  command = plan

  variables {
    compute   = "ecs-one"
    image_tag = "v1"
  }

  assert {
    condition     = keys(local.services) == ["all"] && join(" ", local.services.all.command) == "serve" && local.egress == "public"
    error_message = "One service serves all routes, with public addresses in place of endpoints."
  }

  assert {
    condition     = keys(output.ecr_repository_urls["us-east-1"]) == ["forum"] && keys(module.primary.task_policies) == ["all", "forum"]
    error_message = "Service and operator's task share one image, and each has a role."
  }

  # What each of three services may do, one process may.
  assert {
    condition = toset(flatten([
      for service in ["users", "threads", "posts"] : [
        for table, grant in local.access_of_programs[service] : concat([for action in grant.actions : "${table} ${action}"], [for index in grant.indexes : "${table} Query ${index}"])
      ]
      ])) == toset(flatten([
      for table, grant in local.access.all : concat([for action in grant.actions : "${table} ${action}"], [for index in grant.indexes : "${table} Query ${index}"])
    ]))
    error_message = "all: ${jsonencode(local.access.all)}"
  }
}

run "one_function" {
  command = plan

  variables {
    compute    = "lambda"
    lambda_zip = "versions.tf"
    fence      = { table = "fence" }
  }

  assert {
    condition     = output.alb_dns_names == { us-east-1 = null, us-west-2 = null } && output.forum_run_task == { us-east-1 = null, us-west-2 = null } && keys(output.ecr_repository_urls["us-east-1"]) == []
    error_message = "Nothing is there that costs by the hour."
  }

  assert {
    condition     = keys(module.primary.task_policies) == ["all"] && strcontains(module.primary.task_policies.all, "log-group:/aws/lambda/forum-microservices-dev:*") && strcontains(module.primary.task_policies.all, "table/fence")
    error_message = "The function writes its log, and reads the lease: ${module.primary.task_policies.all}"
  }
}

run "before_the_program_is_built" {
  command = plan

  variables {
    compute = "lambda"
  }

  assert {
    condition     = !local.serving && output.api_urls == { us-east-1 = null, us-west-2 = null }
    error_message = "Without lambda_zip there is no function."
  }
}

run "the_function" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    name              = "forum-microservices-dev"
    region            = "us-east-1"
    zip               = "versions.tf"
    cpu_architecture  = "ARM64"
    limits            = { memory = 256, rate = 50, burst = 100, concurrency = null }
    role_arn          = "arn:aws:iam::123456789012:role/all"
    environment       = { AUTH_ISSUER = "https://issuer.example.com" }
    cors_origins      = ["https://a.example.com"]
    cache_ttl_seconds = 5
    awake             = true
    domain_name       = null
    certificate_arn   = null
  }

  assert {
    condition = aws_lambda_function.forum.environment[0].variables == tomap({
      AUTH_ISSUER             = "https://issuer.example.com"
      USE_DYNAMODB            = "true"
      LOG_FORMAT              = "json"
      TRUSTED_PROXY_HOPS      = "1"
      RATE_LIMITS             = "off"
      REQUEST_TIMEOUT_SECONDS = "25"
      METRICS                 = "emf"
      METRICS_NAMESPACE       = "forum-microservices-dev"
      CORS_ALLOWED_ORIGINS    = "https://a.example.com"
      CACHE_TTL_SECONDS       = "5"
    })
    error_message = "The program reads these variables; AWS_REGION is Lambda's own and refused."
  }

  assert {
    condition = join(" ", concat(aws_lambda_function.forum.architectures, [
      aws_lambda_function.forum.runtime, aws_lambda_function.forum.timeout, aws_lambda_function.forum.reserved_concurrent_executions, aws_lambda_function.forum.memory_size,
    ])) == "arm64 provided.al2023 29 -1 256" && length(aws_lambda_function.forum.vpc_config) == 0
    error_message = "A function outside of any VPC, which ends before the API gives up."
  }

  assert {
    condition     = one(aws_apigatewayv2_stage.default.default_route_settings).throttling_rate_limit == 50 && one(aws_apigatewayv2_stage.default.default_route_settings).throttling_burst_limit == 100
    error_message = "What comes faster is refused before it costs anything."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_target.minute[0].input).rawPath == "/api/posts/health" && jsondecode(aws_cloudwatch_event_target.minute[0].input).version == "2.0"
    error_message = "Every minute the function is asked something that reads the lease."
  }
}

run "a_function_for_everybody_without_identity" {
  command = plan

  variables {
    compute       = "lambda"
    lambda_zip    = "versions.tf"
    auth          = null
    allowed_cidrs = ["203.0.113.0/24"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "a_program_that_is_not_there" {
  command = plan

  variables {
    compute    = "lambda"
    lambda_zip = "forum-lambda.zip"
  }

  expect_failures = [var.lambda_zip]
}
