# The edge routes and protects; tasks are told what the services read.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name   = "forum-microservices-dev"
  region = "us-west-2"
  services = { for port, name in { 3001 = "users", 3002 = "threads", 3003 = "posts" } : name => {
    port  = port, image = name, command = null, healthcheck = ["service", "healthcheck"],
    paths = name == "users" ? ["/api/users*", "/api/reports*", "/api/moderation*"] : ["/api/${name}*"]
  } }
  images           = { users = "repo/users:v1", threads = "repo/threads:v1", posts = "repo/posts:v1", forum = "repo/forum:v1" }
  cpu_architecture = "ARM64"
  tasks            = { min = 2, max = 10 }
  task_role_arns = {
    users   = "arn:aws:iam::123456789012:role/users"
    threads = "arn:aws:iam::123456789012:role/threads"
    posts   = "arn:aws:iam::123456789012:role/posts"
    forum   = "arn:aws:iam::123456789012:role/forum"
  }
  execution_role_arn = "arn:aws:iam::123456789012:role/execution"
  log_groups         = "/ecs/forum-microservices-dev"
  table_environment = {
    DYNAMODB_USERS_TABLE   = "forum-microservices-users-dev"
    DYNAMODB_THREADS_TABLE = "forum-microservices-threads-dev"
    DYNAMODB_POSTS_TABLE   = "forum-microservices-posts-dev"
  }
  cors_origins        = ["https://a.example.com", "https://b.example.com"]
  auth_environment    = { AUTH = "off" }
  cache_ttl_seconds   = 5
  rate_limit          = { requests = 9000, writes = 400 }
  network             = { vpc_id = "vpc-1", public_subnet_ids = ["subnet-1", "subnet-2"], load_balancer_group_id = "sg-1", tasks = { subnet_ids = ["subnet-3", "subnet-4"], group_id = "sg-2", public_ip = false } }
  rollback_alarms     = { users = "users-5xx", threads = "threads-5xx", posts = "posts-5xx" }
  https               = true
  certificate_arn     = "arn:aws:acm:us-west-2:123456789012:certificate/1"
  deletion_protection = true
}

run "https" {
  command = plan

  module {
    source = "./modules/app"
  }

  assert {
    condition     = one(aws_lb_listener.http.default_action).type == "redirect" && one(one(aws_lb_listener.http.default_action).redirect).protocol == "HTTPS"
    error_message = "HTTP must redirect to HTTPS."
  }

  assert {
    condition     = startswith(aws_lb_listener.https[0].ssl_policy, "ELBSecurityPolicy-TLS13-") && aws_lb_listener.https[0].certificate_arn == "arn:aws:acm:us-west-2:123456789012:certificate/1"
    error_message = "HTTPS serves the certificate with a current policy."
  }

  assert {
    condition = { for service, rule in aws_lb_listener_rule.service : service => [one(rule.action).type, join(" ", sort(one(one(rule.condition).path_pattern).values))] } == {
      users   = ["forward", "/api/moderation* /api/reports* /api/users*"]
      threads = ["forward", "/api/threads*"]
      posts   = ["forward", "/api/posts*"]
    }
    error_message = "Without its rule a service returns 404, its health check included."
  }

  assert {
    condition     = alltrue([for group in aws_lb_target_group.service : one(group.health_check).path == "/health" && group.target_type == "ip"])
    error_message = "Target groups check liveness: a task must not be killed because its tables are out of reach."
  }

  assert {
    condition     = aws_lb.this.ip_address_type == "dualstack"
    error_message = "The load balancer must be reached by IPv6, too."
  }

  assert {
    condition     = aws_lb.this.enable_deletion_protection && aws_lb.this.drop_invalid_header_fields
    error_message = "The load balancer must be protected and drop broken headers."
  }
}

run "firewall" {
  command = plan

  module {
    source = "./modules/app"
  }

  assert {
    condition = { for rule in aws_wafv2_web_acl.this.rule : rule.name => rule.priority } == {
      writes                                = 0
      requests                              = 1
      query                                 = 2
      AWSManagedRulesAmazonIpReputationList = 10
      AWSManagedRulesKnownBadInputsRuleSet  = 11
      AWSManagedRulesCommonRuleSet          = 12
    }
    error_message = "The firewall limits rates and uses AWS's rules."
  }

  assert {
    condition = { for rule in aws_wafv2_web_acl.this.rule : rule.name => [
      one(one(rule.statement).rate_based_statement).limit,
      try(one(one(one(one(rule.statement).rate_based_statement).scope_down_statement).regex_match_statement).regex_string, "every method"),
      ] if length(one(rule.statement).rate_based_statement) > 0 } == {
      writes   = [400, "^(POST|PUT|PATCH|DELETE)$"]
      requests = [9000, "every method"]
    }
    error_message = "Writes have a lower limit of their own."
  }

  assert {
    condition = {
      for rule in aws_wafv2_web_acl.this.rule : rule.name => join(" ", sort([
        for override in one(one(rule.statement).managed_rule_group_statement).rule_action_override : override.name if length(one(override.action_to_use).count) > 0
      ])) if length(one(rule.statement).managed_rule_group_statement) > 0
      } == {
      AWSManagedRulesAmazonIpReputationList = "AWSManagedIPDDoSList"
      AWSManagedRulesKnownBadInputsRuleSet  = "JavaDeserializationRCE_BODY Log4JRCE_BODY ReactJSRCE_BODY"
      AWSManagedRulesCommonRuleSet = join(" ", [
        "CrossSiteScripting_BODY", "EC2MetaDataSSRF_BODY", "GenericLFI_BODY", "GenericRFI_BODY", "NoUserAgent_HEADER",
        "SizeRestrictions_BODY", "SizeRestrictions_QUERYSTRING",
      ])
    }
    error_message = "Long posts and posts that quote code must not be blocked, nor clients without User-Agent."
  }

  assert {
    condition = alltrue(flatten([
      for rule in aws_wafv2_web_acl.this.rule : [
        for override in flatten(one(rule.statement).managed_rule_group_statement[*].rule_action_override) : [
          for block in one(override.action_to_use).block :
          one(block.custom_response).response_code == 403 && one(block.custom_response).custom_response_body_key == "refused"
          && { for header in one(block.custom_response).response_header : header.name => header.value } == { Access-Control-Allow-Origin = "*", Access-Control-Expose-Headers = "Retry-After" }
        ]
      ]
    ]))
    error_message = "A page must be able to read why it was refused."
  }

  assert {
    condition = {
      for rule in aws_wafv2_web_acl.this.rule : rule.name => [
        for response in flatten(flatten(rule.action[*].block)[*].custom_response) :
        "${response.response_code} ${response.custom_response_body_key} ${join(" ", sort(response.response_header[*].name))}"
      ] if length(rule.action) > 0
      } == {
      writes   = ["429 too_many Access-Control-Allow-Origin Access-Control-Expose-Headers Retry-After"]
      requests = ["429 too_many Access-Control-Allow-Origin Access-Control-Expose-Headers Retry-After"]
      query    = ["414 query_too_long Access-Control-Allow-Origin Access-Control-Expose-Headers"]
    }
    error_message = "Our own refusals say why, and a page can read them."
  }

  assert {
    condition = {
      for body in aws_wafv2_web_acl.this.custom_response_body : body.key => [body.content_type, jsondecode(body.content).status, keys(jsondecode(body.content))]
      } == {
      refused        = ["APPLICATION_JSON", 403, ["detail", "status", "title", "type"]]
      query_too_long = ["APPLICATION_JSON", 414, ["detail", "status", "title", "type"]]
      too_many       = ["APPLICATION_JSON", 429, ["detail", "status", "title", "type"]]
    }
    error_message = "Refusals are problem documents."
  }
}

run "firewall_without_limits_and_origins" {
  command = plan

  module {
    source = "./modules/app"
  }

  variables {
    rate_limit   = null
    cors_origins = []
  }

  assert {
    condition     = toset(aws_wafv2_web_acl.this.rule[*].name) == toset(["query", "AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesCommonRuleSet"])
    error_message = "rate_limit = null limits nothing."
  }

  assert {
    condition     = !strcontains(jsonencode(aws_wafv2_web_acl.this.rule), "Access-Control")
    error_message = "Without origins no page may read a refusal."
  }
}

run "http_without_a_domain" {
  command = plan

  module {
    source = "./modules/app"
  }

  variables {
    https           = false
    certificate_arn = null
  }

  assert {
    condition     = one(aws_lb_listener.http.default_action).type == "fixed-response" && length(aws_lb_listener.https) == 0 && length(aws_lb_listener_rule.service) == 3
    error_message = "Without a domain the HTTP listener routes to the services itself."
  }
}

run "tasks" {
  command = plan

  module {
    source = "./modules/app"
  }

  assert {
    condition = { for variable in jsondecode(aws_ecs_task_definition.task["posts"].container_definitions)[0].environment : variable.name => variable.value } == {
      USE_DYNAMODB           = "true"
      AWS_REGION             = "us-west-2"
      DYNAMODB_USERS_TABLE   = "forum-microservices-users-dev"
      DYNAMODB_THREADS_TABLE = "forum-microservices-threads-dev"
      DYNAMODB_POSTS_TABLE   = "forum-microservices-posts-dev"
      HOST                   = "0.0.0.0"
      PORT                   = "3003"
      TRUSTED_PROXY_HOPS     = "1"
      LOG_FORMAT             = "json"
      METRICS                = "emf"
      METRICS_NAMESPACE      = "forum-microservices-dev"
      CORS_ALLOWED_ORIGINS   = "https://a.example.com,https://b.example.com"
      CACHE_TTL_SECONDS      = "5"
      AUTH                   = "off"
    }
    error_message = "Services read these variables."
  }

  assert {
    condition = alltrue([
      for task in aws_ecs_task_definition.task : alltrue([
        for container in jsondecode(task.container_definitions) :
        container.readonlyRootFilesystem && container.user == "65532:65532" && container.stopTimeout == 30 && container.linuxParameters.capabilities.drop == ["ALL"]
      ]) && task.network_mode == "awsvpc" && one(task.runtime_platform).cpu_architecture == "ARM64"
    ])
    error_message = "Containers run as nobody in particular, change nothing on disk, and get half a minute to finish."
  }

  assert {
    condition = alltrue([
      for task in aws_ecs_task_definition.task : alltrue([
        for container in jsondecode(task.container_definitions) :
        container.logConfiguration.options["mode"] == "non-blocking" && container.logConfiguration.options["max-buffer-size"] == "25m"
      ])
    ])
    error_message = "No container waits for its log."
  }

  assert {
    condition = {
      for service in ["users", "threads", "posts"] : service => jsondecode(aws_ecs_task_definition.task[service].container_definitions)[0].healthCheck.command
    } == { users = ["CMD", "service", "healthcheck"], threads = ["CMD", "service", "healthcheck"], posts = ["CMD", "service", "healthcheck"] }
    error_message = "The images hold no shell and no curl: the binary checks itself."
  }

  assert {
    condition     = tomap({ for task, definition in aws_ecs_task_definition.task : task => definition.task_role_arn }) == var.task_role_arns
    error_message = "Each task runs under its own role."
  }

  assert {
    condition = alltrue([
      for service in aws_ecs_service.service :
      one(service.deployment_circuit_breaker).enable && one(service.deployment_circuit_breaker).rollback && service.desired_count == 2 && !one(service.network_configuration).assign_public_ip
    ])
    error_message = "A bad deployment rolls back by itself."
  }

  assert {
    condition = alltrue([
      for service, resource in aws_ecs_service.service :
      one(resource.alarms).enable && one(resource.alarms).rollback && one(resource.alarms).alarm_names == toset(["${service}-5xx"])
    ])
    error_message = "A deployment that returns 5xx rolls back, too."
  }

  assert {
    condition     = alltrue([for target in aws_appautoscaling_target.service : target.min_capacity == 2 && target.max_capacity == 10])
    error_message = "Services scale within tasks."
  }

  assert {
    condition = toset([
      for policy in aws_appautoscaling_policy.service :
      "${policy.name} ${one(one(policy.target_tracking_scaling_policy_configuration).predefined_metric_specification).predefined_metric_type} ${one(policy.target_tracking_scaling_policy_configuration).target_value}"
    ]) == toset(["cpu ECSServiceAverageCPUUtilization 60", "requests ALBRequestCountPerTarget 6000"]) && length(aws_appautoscaling_policy.service) == 6
    error_message = "Services scale by CPU and by requests."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.task["forum"].container_definitions)[0].command == ["tables", "status"]
    error_message = "The operator task shows the tables unless told otherwise."
  }
}

run "identity" {
  command = plan

  module {
    source = "./modules/app"
  }

  variables {
    auth_environment = { AUTH_ISSUER = "https://issuer.example.com/forum", AUTH_AUDIENCE = "forum" }
  }

  assert {
    condition = alltrue([
      for service in ["users", "threads", "posts"] : {
        for variable in jsondecode(aws_ecs_task_definition.task[service].container_definitions)[0].environment : variable.name => variable.value if startswith(variable.name, "AUTH")
      } == { AUTH_ISSUER = "https://issuer.example.com/forum", AUTH_AUDIENCE = "forum" }
    ])
    error_message = "Every service must know whose tokens to accept."
  }

  assert {
    condition     = !strcontains(aws_ecs_task_definition.task["forum"].container_definitions, "AUTH")
    error_message = "The operator's task serves nobody."
  }
}

run "scaling_by_requests_counts_those_of_the_service" {
  command = plan

  module {
    source = "./modules/app"
  }

  override_resource {
    target          = aws_lb.this
    override_during = plan
    values          = { arn = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/forum/1", arn_suffix = "app/forum/1" }
  }

  override_resource {
    target          = aws_lb_target_group.service
    override_during = plan
    values          = { arn = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/posts/2", arn_suffix = "targetgroup/posts/2" }
  }

  assert {
    condition     = one(one(aws_appautoscaling_policy.service["posts/requests"].target_tracking_scaling_policy_configuration).predefined_metric_specification).resource_label == "app/forum/1/targetgroup/posts/2"
    error_message = "Application Auto Scaling wants load balancer and target group in the label."
  }
}
