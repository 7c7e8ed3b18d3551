# The forum's page: who serves it, what that is told, and what reaches it.

mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "dr"
  source = "./tests/mocks"
}

variables {
  web           = true
  image_tag     = "v1"
  domain_name   = "forum.example.com"
  auth          = { issuer = "https://issuer.example.com", audience = "forum" }
  web_client_id = "page"
  egress        = "public"
}

run "of_three_services" {
  command = plan

  override_resource {
    target          = aws_secretsmanager_secret_version.page_key[0]
    override_during = plan
    values          = { arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:page-key-abcdef" }
  }

  assert {
    condition = local.page.service == "threads" && local.page.environment == {
      WEB           = "true"
      WEB_URL       = "https://forum.example.com"
      API_URL       = "https://forum.example.com"
      WEB_CLIENT_ID = "page"
    }
    error_message = "The threads service asks the API at the forum's own name."
  }

  assert {
    condition     = local.page_key_arns.dr == "arn:aws:secretsmanager:us-west-2:123456789012:secret:page-key-abcdef" && one(aws_secretsmanager_secret.page_key[0].replica).region == "us-west-2"
    error_message = "The second Region has a copy of the key: who is logged in stays so after failover."
  }
}

run "of_one_service" {
  command = plan

  variables {
    compute       = "ecs-one"
    allowed_cidrs = ["203.0.113.0/24"]
  }

  assert {
    condition     = local.page.service == "all" && !contains(keys(local.page.environment), "API_URL")
    error_message = "Who has all routes asks no other."
  }
}

run "without_web" {
  command = plan

  variables {
    web = false
  }

  assert {
    condition     = local.page == null && length(aws_secretsmanager_secret.page_key) == 0
    error_message = "Without web there is no page, and no key."
  }
}

run "with_cognito" {
  command = plan

  variables {
    auth                  = null
    web_client_id         = null
    cognito               = true
    cognito_domain_prefix = "forum-example"
  }

  override_resource {
    target          = module.cognito[0].aws_cognito_user_pool_client.page
    override_during = plan
    values          = { id = "page-id" }
  }

  assert {
    condition     = local.page.environment.WEB_CLIENT_ID == "page-id" && contains(local.callback_urls, "https://forum.example.com/log-in/callback")
    error_message = "People log in with the pool's client, which sends them back to the page."
  }
}

run "the_edge" {
  command = plan

  module {
    source = "./modules/app"
  }

  variables {
    name   = "forum-microservices-dev"
    region = "us-east-1"
    services = {
      threads = { port = 3002, image = "threads", command = null, healthcheck = ["service", "healthcheck"], paths = ["/api/threads*"] }
      posts   = { port = 3003, image = "posts", command = null, healthcheck = ["service", "healthcheck"], paths = ["/api/posts*"] }
    }
    images              = { threads = "repo/threads:v1", posts = "repo/posts:v1", forum = "repo/forum:v1" }
    cpu_architecture    = "ARM64"
    tasks               = { min = 1, max = 2 }
    task_role_arns      = { threads = "arn:aws:iam::123456789012:role/threads", posts = "arn:aws:iam::123456789012:role/posts", forum = "arn:aws:iam::123456789012:role/forum" }
    execution_role_arn  = "arn:aws:iam::123456789012:role/execution"
    log_groups          = "/ecs/forum-microservices-dev"
    table_environment   = {}
    auth_environment    = { AUTH_ISSUER = "https://issuer.example.com" }
    page                = { service = "threads", environment = { WEB = "true", WEB_URL = "https://forum.example.com" }, key_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:page-key-abcdef" }
    cors_origins        = []
    cache_ttl_seconds   = 0
    rate_limit          = null
    network             = { vpc_id = "vpc-1", public_subnet_ids = ["subnet-1", "subnet-2"], load_balancer_group_id = "sg-1", tasks = { subnet_ids = ["subnet-3", "subnet-4"], group_id = "sg-2", public_ip = true } }
    rollback_alarms     = { threads = "threads-5xx", posts = "posts-5xx" }
    https               = true
    certificate_arn     = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    deletion_protection = true
  }

  override_resource {
    target          = aws_lb_target_group.service
    override_during = plan
    values          = { arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/page/1" }
  }

  assert {
    condition     = one(aws_lb_listener.https[0].default_action).type == "forward" && one(aws_lb_listener.https[0].default_action).target_group_arn == "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/page/1"
    error_message = "What is no service's path is the page's."
  }

  assert {
    condition     = one(aws_lb_listener.http.default_action).type == "redirect"
    error_message = "HTTP must redirect to HTTPS with a page, too."
  }

  assert {
    condition = alltrue([
      toset(one(one(aws_lb_listener_rule.inside[0].condition).path_pattern).values) == toset(["/metrics*", "/health*"]),
      one(one(aws_lb_listener_rule.inside[0].action).fixed_response).status_code == "404",
      aws_lb_listener_rule.inside[0].priority < min(values(aws_lb_listener_rule.service)[*].priority...),
    ])
    error_message = "Metrics and probes must not be reached from outside."
  }

  assert {
    condition = { for name, task in aws_ecs_task_definition.task : name => try(jsondecode(task.container_definitions)[0].secrets, []) } == {
      threads = [{ name = "WEB_COOKIE_KEY", valueFrom = "arn:aws:secretsmanager:us-east-1:123456789012:secret:page-key-abcdef" }]
      posts   = []
      forum   = []
    }
    error_message = "The key is a secret of the page's service, and of no other."
  }

  assert {
    condition = { for name, task in aws_ecs_task_definition.task : name => [for each in jsondecode(task.container_definitions)[0].environment : each.value if startswith(each.name, "WEB")] } == {
      threads = ["true", "https://forum.example.com"]
      posts   = []
      forum   = []
    }
    error_message = "One service has the page."
  }
}

run "rights_to_start_it" {
  command = plan

  module {
    source = "./modules/roles"
  }

  variables {
    project         = "forum-microservices"
    environment     = "dev"
    suffix          = ""
    region          = "us-east-1"
    access          = { forum = {} }
    fence           = null
    table_names     = {}
    kms_key_arn     = null
    repository_arns = []
    page_key_arn    = "arn:aws:secretsmanager:us-east-1:123456789012:secret:page-key-abcdef"
    lambda          = false
    log_groups      = "/ecs/forum-microservices-dev"
  }

  assert {
    condition = [for each in jsondecode(aws_iam_role_policy.execution[0].policy).Statement : [each.Action, each.Resource] if each.Sid == "PageKey"] == [
      [["secretsmanager:GetSecretValue"], ["arn:aws:secretsmanager:us-east-1:123456789012:secret:page-key-abcdef"]],
    ]
    error_message = "Tasks are given that secret, and no other."
  }
}

run "without_identity" {
  command = plan

  variables {
    auth          = null
    web_client_id = null
    allowed_cidrs = ["203.0.113.0/24"]
    web_url       = "https://forum.example.com"
  }

  expect_failures = [var.web]
}

run "without_a_name" {
  command = plan

  variables {
    domain_name   = null
    allowed_cidrs = ["203.0.113.0/24"]
    compute       = "ecs-one"
  }

  expect_failures = [var.web]
}

run "whose_api_is_out_of_its_reach" {
  command = plan

  variables {
    allowed_cidrs = ["203.0.113.0/24"]
  }

  expect_failures = [var.web]
}

run "under_a_path" {
  command = plan

  variables {
    web_url = "https://forum.example.com/page"
  }

  expect_failures = [var.web_url]
}

run "of_two_clients" {
  command = plan

  variables {
    auth                  = null
    cognito               = true
    cognito_domain_prefix = "forum-example"
  }

  expect_failures = [var.web_client_id]
}
